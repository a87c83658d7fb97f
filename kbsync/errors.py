"""The error tree: an error's type says what to do about it.

::

    KbsyncError
      ConfigError      usage or configuration; exit code 2; names the file and the key
      LedgerError      newer than the program, damaged, on a network file system
        LedgerBusy     another kbsync holds it; exit code 75
        LedgerDamaged  its content is; the next writer to open it goes on from its backup
      Undelivered      a hook could not tell; tried again
      FileError        this file, until it changes: unreadable, too large, damaged, unstable
        NothingToIndex there is nothing in it: skipped, not failed
      NotNow           this file, a little later: what its conversion needs cannot be had
      BackendError
        Unavailable    retry with backoff; pauses sending to that server
        Denied         key or dataset; stop sending, report, keep watching
        Rejected       this document, until its file or its recipe changes
        Missing        update or delete of something gone; treat as absent

Foreign errors are translated once, where they appear; ours are caught once in the engine and
shown once at the outer boundary of the command line.
"""

from __future__ import annotations


class KbsyncError(Exception):
    """Anything that kbsync itself has to say; its text is one line a person can act on."""


class ConfigError(KbsyncError):
    """The configuration or the command line is wrong; the text names the file and the key."""


class LedgerError(KbsyncError):
    """The ledger cannot be used; the text names its path and what to do."""


class LedgerBusy(LedgerError):
    """Another kbsync process writes to this ledger."""


class LedgerDamaged(LedgerError):
    """The ledger's content is damaged.

    Attributes:
        found: what SQLite found, for a longer message.
    """

    def __init__(self, message: str, found: str) -> None:
        super().__init__(message)
        self.found = found


class Undelivered(KbsyncError):
    """A hook could not tell what it was to; the text is why, and who shows it names the hook."""


class FileError(KbsyncError):
    """This file cannot be sent as it is now; nothing changes until the file does."""


class NothingToIndex(FileError):
    """The file is as it should be, and there is nothing in it to find."""


class NotNow(KbsyncError):
    """A file cannot be worked on at the moment, for no reason of its own."""


class BackendError(KbsyncError):
    """The server did not do what was asked."""


class Unavailable(BackendError):
    """The server cannot answer at the moment; trying again later may succeed.

    Attributes:
        retry_after: seconds the server wants to be left alone, or None when it did not say.
        ambiguous: True when the request may have taken effect although no answer came, so that
            the effect must be looked for before the request is repeated.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, ambiguous: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.ambiguous = ambiguous


class Denied(BackendError):
    """The key or the dataset does not allow this; no repetition helps until a person acts.

    Attributes:
        folder: the configured folder it concerns, or None when it may be the whole server.
    """

    def __init__(self, message: str, *, folder: str | None = None) -> None:
        super().__init__(message)
        self.folder = folder


class Rejected(BackendError):
    """The server refuses this document as it is."""


class Missing(BackendError):
    """The dataset's document that was meant does not exist (any more)."""
