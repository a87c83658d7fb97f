"""Settings: one TOML file plus environment variables, checked as a whole before anything runs."""

from kbsync.config.folder import FolderSettings
from kbsync.config.loading import find, load
from kbsync.config.server import ServerSettings
from kbsync.config.settings import HttpSettings, LogSettings, Settings

__all__ = [
    "FolderSettings",
    "HttpSettings",
    "LogSettings",
    "ServerSettings",
    "Settings",
    "find",
    "load",
]
