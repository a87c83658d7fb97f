"""The notations of the configuration: durations, sizes, numbers, addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbsync.config.addresses import address
from kbsync.config.folder import folder_name
from kbsync.config.parse import duration, flag, patterns, positive_duration, size

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
NOT_A_DURATION = 'must be a duration such as "500ms", "2s", "15m", "1h" or "2d"'
NOT_A_SIZE = 'must be a size: a number of bytes, or a text such as "500kB", "15MB" or "15MiB"'


@given(st.integers(0, 3650), st.sampled_from(sorted(SECONDS)), st.sampled_from(["", " "]))
def test_durations_are_their_number_times_their_unit(number: int, unit: str, blank: str) -> None:
    """A number and a unit mean the product of both, in seconds, with or without a blank."""
    assert duration(f"{number}{blank}{unit}") == pytest.approx(number * SECONDS[unit])


@given(st.integers(0, 999), st.integers(0, 999), st.sampled_from(["s", "m", "h", "d"]))
def test_durations_may_have_decimals(whole: int, part: int, unit: str) -> None:
    """One and a half hours are 5400 seconds."""
    expected = (whole + part / 1000) * SECONDS[unit]
    assert duration(f"{whole}.{part:03}{unit}") == pytest.approx(expected)


@given(st.integers(1, 10**6), st.sampled_from(sorted(BYTES)))
def test_sizes_are_exact(number: int, unit: str) -> None:
    """Decimal and binary units are told apart, whatever the case of the letters."""
    for written in (unit, unit.lower(), unit.upper()):
        assert size(f"{number}{written}") == number * BYTES[unit]


@given(st.integers(1, 2**53))
def test_a_plain_size_is_in_bytes(number: int) -> None:
    """A number without a unit counts bytes, in the file as in a variable."""
    assert size(number) == size(str(number)) == number


@given(
    st.text(max_size=12) | st.integers(-(2**60), 2**60) | st.booleans() | st.none() | st.floats()
)
def test_parsers_know_no_third_way(value: object) -> None:
    """Whatever is written, the result is a sensible value or a sentence about what is allowed."""
    for parse in (duration, size):
        try:
            result: float | str = parse(value)
        except ValueError as error:
            result = str(error)
        assert result.startswith("must ") if isinstance(result, str) else 0 <= result < 2**63


@pytest.mark.parametrize(
    "value",
    ["", "2", 2, 2.5, True, "s", "2sec", "2S", "-2s", "1h30m", " 2s", "２s", "1e3s", None, []],
)
def test_what_is_no_duration(value: object) -> None:
    """A duration needs one number and one of five units; nothing is guessed."""
    with pytest.raises(ValueError, match="must be") as caught:
        duration(value)
    assert str(caught.value) == NOT_A_DURATION


def test_durations_end_somewhere() -> None:
    """A duration that no clock can wait for is refused, and so is none where one is needed."""
    with pytest.raises(ValueError, match='must be at most "3650d"'):
        duration("3651d")
    with pytest.raises(ValueError, match='must be longer than "0s"'):
        positive_duration("0s")


@pytest.mark.parametrize("value", ["", "MB", "15 megabytes", "15Mb/s", True, -1, 1.5, "1e3", None])
def test_what_is_no_size(value: object) -> None:
    """A size needs a whole number or a number with a known unit."""
    with pytest.raises(ValueError, match="must be") as caught:
        size(value)
    assert str(caught.value) in {NOT_A_SIZE, "must be at least one byte"}


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), ("true", True)])
def test_flags(value: object, expected: bool) -> None:
    """A variable says true in letters, the file without quotes."""
    assert flag(value) is expected


@pytest.mark.parametrize("value", [1, 0, "yes", "", None, []])
def test_what_is_no_flag(value: object) -> None:
    """Numbers and other words are not taken for yes or no."""
    with pytest.raises(ValueError, match="must be true or false"):
        flag(value)


@pytest.mark.parametrize("value", ["*.md", [""], [1], {"a": 1}, None])
def test_what_is_no_list_of_patterns(value: object) -> None:
    """One pattern without brackets is the usual slip, and is not read as a list of letters."""
    with pytest.raises(ValueError, match="must be a list of patterns"):
        patterns(value)


@pytest.mark.parametrize("name", ["handbook", "a", "A.b_c-9", "Handbücher", "知识库", "x" * 64])
def test_folder_names(name: str) -> None:
    """Letters of every script will do."""
    assert folder_name(name) == name


def test_folder_names_have_one_form() -> None:
    """A name typed with a combining accent is the name typed with an accented letter."""
    assert folder_name("u\u0308ber") == "über"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\n", "x" * 65, "a\0", "a:b", 1, None])
def test_what_is_no_folder_name(name: object) -> None:
    """Nothing that a path, a shell or a terminal could take for something else."""
    with pytest.raises(ValueError, match="must be 1 to 64 letters"):
        folder_name(name)


@pytest.mark.parametrize(
    "value",
    [
        "https://dify.example",
        "https://dify.example/v1/",
        "http://127.0.0.1:5001",
        "http://[::1]:5001/v1",
        "HTTPS://dify.example/api/v2",
    ],
)
def test_addresses(value: str) -> None:
    """Host, port and path make an address."""
    assert address(value).lower() == value.lower()


@pytest.mark.parametrize(
    "value",
    [
        "dify.example",
        "ftp://dify.example",
        "https://",
        "https://dify.example:99999",
        "https://dify.example/ v1",
        "https://dify.example\n",
        "https://user@dify.example",
        "https://dify.example?token=1",
        "https://dify.example/#v1",
        "https://dïfy.example",
        "http://[::1",
        "",
        None,
    ],
)
def test_what_is_no_address(value: object) -> None:
    """Users, queries and other schemes do not belong into the server's address."""
    with pytest.raises(ValueError, match=r"^must "):
        address(value)
