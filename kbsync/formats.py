"""PURE: types of files, and the reasons why one of a good type is not sent."""

BLANK = "nothing but white space in it: nothing to index"

#: The reasons for which a file is skipped rather than failed.
NOTHING: frozenset[str] = frozenset({BLANK})
