"""A [[hooks]] section: who is told when something needs a person, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kbsync.config.addresses import hook_address
from kbsync.config.check import texts
from kbsync.config.cron import cron
from kbsync.config.parse import PositiveDuration, Section
from kbsync.config.secret_file import SecretFile, secret_file
from kbsync.notices import KINDS, NEEDS

_WAYS = ("command", "webhook", "notify", "workflow", "heartbeat")
#: What the inputs of a workflow may be made of; `json` is what the other ways get.
PLACES = ("title", "text", "instance", "at", "page", "json")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_EVERY, _BEAT_EVERY = 900.0, 300.0

#: What a workflow is begun with, by name: constants, and texts with placeholders.
Inputs = Mapping[str, str | int | float | bool]


def kinds(value: object) -> tuple[str, ...]:
    """A list of what a hook can be told of; raises ValueError."""
    if not isinstance(value, list | tuple) or not all(kind in KINDS for kind in value):
        raise ValueError(f"must be a list of {', '.join(KINDS)}")
    return tuple(value)


def templates(value: object) -> Inputs:
    """A workflow's inputs: constants, and texts with placeholders; raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 - pydantic tells it as such
            'must be a table such as { text = "{text}" }'
        )
    for name, template in value.items():
        _check_input(str(name), template)
    return dict(value)


def _check_input(name: str, template: object) -> None:
    """Braces that are no placeholder may stand in pairs, as those of JSON do."""
    is_number = isinstance(template, int) or (isinstance(template, float) and isfinite(template))
    if not isinstance(template, str) and not is_number:
        raise ValueError(f'"{name}" must be a text, or a number that is one')
    for found in _PLACEHOLDER.findall(str(template)):
        if found not in PLACES:
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise ValueError(f'"{name}": there is no {{{found}}}; there are {known}')
    rest = _PLACEHOLDER.sub("", str(template))
    if rest.count("{") != rest.count("}"):
        raise ValueError(f'"{name}": a brace in it has no partner')


def workflow_credential(file: Path) -> str:
    """The systemd credential that hands over the key of a workflow, by the key's file."""
    return f"workflow-{file.name}"


def workflow_key(value: object, info: ValidationInfo) -> SecretFile:
    """The key of a workflow, from the file that holds it.

    Raises:
        ValueError: there is none, or that of a knowledge base.
    """
    allowed = "must be a file that holds the key of a workflow (app-...) and nothing else"
    found = secret_file(value, info, workflow_credential, allowed)
    if found.get_secret_value().startswith("dataset-"):
        raise ValueError(f"{allowed}: it holds that of a knowledge base")
    return found


class HookSettings(Section):
    """One hook: one of command, webhook, notify (an apprise address), workflow and heartbeat.

    `on` is what it is told of, without it everything that needs a person; `every` is the shortest
    time between two messages, or the time between two beats; `digest` is when a summary is sent,
    as in cron. `workflow` is the file that holds a workflow's key.
    """

    command: Annotated[tuple[str, ...], BeforeValidator(texts)] = ()
    webhook: Annotated[str, BeforeValidator(hook_address)] | None = None
    notify: str | None = None
    workflow: Annotated[SecretFile, PlainValidator(workflow_key)] | None = None
    heartbeat: Annotated[str, BeforeValidator(hook_address)] | None = None
    inputs: Annotated[Inputs, BeforeValidator(templates)] = Field(default_factory=dict)
    on: Annotated[tuple[str, ...] | None, BeforeValidator(kinds)] = None
    every: PositiveDuration | None = None
    digest: Annotated[str, BeforeValidator(cron)] | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it is told of, or what stops its beat."""
        return NEEDS if self.on is None else self.on

    @property
    def way(self) -> str:
        """Which of them it is."""
        return next(way for way in _WAYS if getattr(self, way))

    @property
    def target(self) -> str:
        """Where it goes, which may hold a secret."""
        file = None if self.workflow is None else str(self.workflow.path)
        addresses = (self.webhook, self.notify, file, self.heartbeat)
        return " ".join(self.command) or next(one for one in addresses if one)

    @property
    def name(self) -> str:
        """What people call it, without anything secret: the way, and its program, host or file."""
        match self.way:
            case "command":
                return f"command {self.command[0]}"
            case "workflow":
                return f"workflow {Path(self.target).name}"
            case "notify":
                return f"notify {self.target.partition(':')[0]}"
            case way:
                return f"{way} {urlsplit(self.target).hostname}"

    @property
    def key(self) -> str:
        """A workflow's key; empty for other ways."""
        return "" if self.workflow is None else self.workflow.get_secret_value()

    @property
    def pause(self) -> float:
        """Seconds between two messages or beats."""
        if self.every is not None:
            return self.every
        return _EVERY if self.heartbeat is None else _BEAT_EVERY

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere: whoever knows such an address can write to it."""
        told = (self.webhook, self.notify, self.heartbeat, self.key)
        return tuple(secret for secret in told if secret)

    @field_validator("notify")
    @classmethod
    def _is_apprise_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            from apprise import Apprise  # noqa: PLC0415 - an extra, and slow to import
        except ImportError:
            raise ValueError(
                'needs apprise: pip install "kbsync[notify]" into kbsync\'s environment'
            ) from None
        if not Apprise().add(value):
            raise ValueError('must be an address of apprise, such as "ntfys://host/topic"')
        return value

    @model_validator(mode="after")
    def _goes_one_way(self) -> Self:
        ways = [way for way in _WAYS if getattr(self, way)]
        if len(ways) != 1:
            raise ValueError(f"a hook needs exactly one of {', '.join(_WAYS)}")
        if self.heartbeat is not None and self.digest is not None:
            raise ValueError("a heartbeat says nothing but that all is well: no digest")
        if not self.wanted and self.digest is None and self.heartbeat is None:
            raise ValueError("a hook that is told of nothing needs a digest")
        if self.inputs and self.workflow is None:
            raise ValueError("inputs are those of a workflow")
        return self
