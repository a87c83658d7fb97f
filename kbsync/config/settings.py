"""The whole configuration as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kbsync.config.addresses import is_loopback
from kbsync.config.check import CheckSettings
from kbsync.config.folder import FolderSettings
from kbsync.config.hook import HookSettings
from kbsync.config.keys import exposed
from kbsync.config.parse import Place, PositiveDuration, Section, choice, host_names, text
from kbsync.config.secret_file import SecretFile, secret_file
from kbsync.config.server import ServerSettings

#: By which systemd hands over the token.
TOKEN_CREDENTIAL = "http-token"  # noqa: S105 - a name
_SHORTEST_TOKEN = 16


def http_token(value: object, info: ValidationInfo) -> SecretFile:
    """The token that every request must show, from the file that holds it.

    Raises:
        ValueError: there is none, or it is too short.
    """
    allowed = (
        f"must be a file that holds one word of {_SHORTEST_TOKEN} characters or more, as"
        " `openssl rand -hex 24` makes one"
    )
    found = secret_file(value, info, lambda _: TOKEN_CREDENTIAL, allowed)
    if len(found) < _SHORTEST_TOKEN:
        raise ValueError(f"{allowed}: it has {len(found)}")
    return found


class HttpSettings(Section):
    """The [http] section: where the status page and the metrics are served, and to whom."""

    listen: str = "127.0.0.1:8377"
    token_file: Annotated[SecretFile, PlainValidator(http_token)] | None = None
    hosts: Annotated[tuple[str, ...], BeforeValidator(host_names)] = ()

    @field_validator("listen", mode="before")
    @classmethod
    def _check_listen(cls, value: object) -> str:
        if value == "off":
            return "off"
        host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        bare = host.removeprefix("[").removesuffix("]")
        if (
            not (colon and bare and port.isascii() and port.isdigit() and int(port) < 2**16)
            or (":" in bare) != host.startswith("[")
            or not bare.isprintable()
            or " " in bare
        ):
            raise ValueError('must be an address and a port such as "127.0.0.1:8377", or "off"')
        return f"{host}:{port}"

    @model_validator(mode="after")
    def _needs_a_token(self) -> Self:
        reached = self.listen != "off" and not is_loopback(self.address[0])
        if reached and self.token_file is None:
            raise ValueError(
                f"listen = {self.listen} can be reached from other machines, which needs a token:"
                " set token_file to a file that holds one"
            )
        return self

    @property
    def token(self) -> str | None:
        """What every request must show, or None."""
        return None if self.token_file is None else self.token_file.get_secret_value()

    @property
    def address(self) -> tuple[str, int]:
        """Host (without brackets) and port; not for "off"."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def names(self) -> frozenset[str]:
        """The names by which the page may be asked for, beside any address; in lower case."""
        ours = {"localhost", self.address[0], os.uname().nodename, *self.hosts}
        return frozenset(name.lower() for name in ours)


class AppSettings(Section):
    """The [app] section: the application that answers questions; `api_key` None is no application.

    The server is that of [server]. `id` is needed for servers of the older guide's form only.
    """

    api_key: SecretStr | None = None
    api_key_file: Place | None = None
    id: Annotated[str | None, BeforeValidator(text(1, 64))] = None
    user: Annotated[str, BeforeValidator(text(1, 64))] = "kbsync"


class LogSettings(Section):
    """The [log] section: how much is logged, and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], choice("debug", "info", "warning", "error")
    ] = "info"
    format: Annotated[
        Literal["auto", "text", "json", "journald"], choice("auto", "text", "json", "journald")
    ] = "auto"


def default_ledger(environ: Mapping[str, str]) -> Path:
    """Where the ledger is when nobody says: the service's state directory, else the user's."""
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0]) / "ledger.db"
    home = environ.get("XDG_STATE_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "kbsync" / "ledger.db"


class Settings(Section):
    """Everything kbsync is told; made by `kbsync.config.load`, equal for equal input."""

    ledger: Place = Field(default_factory=lambda: default_ledger(os.environ))
    instance: Annotated[str, BeforeValidator(text(1, 64))] = Field(
        default_factory=lambda: os.uname().nodename
    )
    keep_history: PositiveDuration = 90 * 86_400.0
    server: ServerSettings
    folders: tuple[FolderSettings, ...]
    checks: tuple[CheckSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    app: AppSettings = Field(default_factory=AppSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    _found: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but should be changed, one line each, for the commands to print."""
        lines = list(self._found)
        lines += [exposed(file.path, "a secret") for file in self.secret_files if file.is_exposed]
        if self.server.sends_key_in_the_clear:
            lines.append(
                f"server.base_url = {self.server.base_url} sends the key unencrypted; use https"
            )
        if not self.server.verify_tls:
            lines.append(
                "server.verify_tls = false lets anybody on the way read the key and the documents;"
                " use server.ca_file for a certificate of your own"
            )
        return tuple(dict.fromkeys(lines))  # one file may hold both keys

    @property
    def secret_files(self) -> tuple[SecretFile, ...]:
        """The files with secrets, beside those of the two keys."""
        files = (self.http.token_file, *(hook.workflow for hook in self.hooks))
        return tuple(file for file in files if file is not None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys, so that nothing that is written shows them."""
        keys = (self.server.api_key, self.app.api_key)
        told = [key.get_secret_value() for key in keys if key is not None]
        token = () if self.http.token is None else (self.http.token,)
        return (*told, *token, *(secret for hook in self.hooks for secret in hook.secrets))

    def note(self, *warnings: str) -> Self:
        """Add what `load` saw outside the values, such as a key file that others can read."""
        self._found += warnings
        return self

    def folder(self, name: str) -> FolderSettings | None:
        """The folder of this name."""
        return next((folder for folder in self.folders if folder.name == name), None)

    @field_validator("folders")
    @classmethod
    def _any_folder(cls, value: tuple[FolderSettings, ...]) -> tuple[FolderSettings, ...]:
        if not value:
            raise ValueError("must hold at least one [[folders]] section")
        return value

    @model_validator(mode="after")
    def _folders_are_apart(self) -> Self:
        for one, other in combinations(self.folders, 2):
            if one.name == other.name:
                raise ValueError(f'two folders have the name "{one.name}"; each needs its own')
            _refuse_overlap(one, other)
        return self

    @model_validator(mode="after")
    def _ledger_is_apart(self) -> Self:
        here = Path(os.path.realpath(self.ledger))
        for folder in self.folders:
            if here.is_relative_to(os.path.realpath(folder.path)):
                raise ValueError(
                    f'the ledger {self.ledger} is inside folder "{folder.name}" ({folder.path}),'
                    " where each of its changes would be one more to look at, and others may"
                    " change it; set ledger to a file outside of every folder"
                )
        return self

    @model_validator(mode="after")
    def _checks_are_about_folders(self) -> Self:
        names = {folder.name for folder in self.folders}
        for check in self.checks:
            for name in [check.folder, *(path.partition("/")[0] for path in check.sources)]:
                if name is not None and name not in names:
                    raise ValueError(
                        f'the check "{check.question}" names the folder "{name}"; there are'
                        f" {', '.join(sorted(names))}, and sources are FOLDER/relative/path"
                    )
            if check.folder is None and self.app.api_key is None:
                raise ValueError(
                    f'the check "{check.question}" asks the application, and there is no key of'
                    " one in [app]; name a folder to search its dataset instead"
                )
        return self

    @model_validator(mode="after")
    def _server_can_shelve(self) -> Self:
        for folder in self.folders:
            shelves = folder.on_delete in {"disable", "archive"} or folder.trash_days
            if shelves and self.server.api_style == "simple":
                raise ValueError(
                    f'folder "{folder.name}": api_style = "simple" cannot disable documents; use'
                    ' on_delete = "delete" without trash_days, or "keep"'
                )
        return self


def _refuse_overlap(one: FolderSettings, other: FolderSettings) -> None:
    here, there = Path(os.path.realpath(one.path)), Path(os.path.realpath(other.path))
    if here == there:
        raise ValueError(f'folders "{one.name}" and "{other.name}" are the same directory, {here}')
    if here.is_relative_to(there) or there.is_relative_to(here):
        inner, outer = (one, other) if here.is_relative_to(there) else (other, one)
        raise ValueError(
            f'folder "{inner.name}" ({inner.path}) is inside folder "{outer.name}" ({outer.path});'
            " a file can belong to one of them only"
        )
