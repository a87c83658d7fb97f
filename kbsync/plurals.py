"""Numbers with their nouns, as people say them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Such as "1 file" and "1,200 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def are(number: int, noun: str) -> str:
    """Such as "1 file is" and "2 files are"."""
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"
