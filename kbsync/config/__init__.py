"""Settings: one TOML file plus environment variables, checked as a whole before anything runs."""

import os

# Looking for other packages' pydantic plugins would be a tenth of every command's start, and none
# has any business with a configuration that names keys.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")

from kbsync.config.check import CheckSettings
from kbsync.config.folder import FolderSettings
from kbsync.config.hook import HookSettings
from kbsync.config.loading import find, load
from kbsync.config.rule import RuleSettings
from kbsync.config.server import ServerSettings
from kbsync.config.settings import AppSettings, HttpSettings, LogSettings, Settings

__all__ = [
    "AppSettings",
    "CheckSettings",
    "FolderSettings",
    "HookSettings",
    "HttpSettings",
    "LogSettings",
    "RuleSettings",
    "ServerSettings",
    "Settings",
    "find",
    "load",
]
