"""A [[hooks]] section: who is told when something needs a person, and how."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, field_validator, model_validator

from kbsync.config.check import texts
from kbsync.config.parse import PositiveDuration, Section
from kbsync.notices import KINDS

_WAYS = ("command", "webhook", "notify", "heartbeat")
_EVERY, _BEAT_EVERY = 900.0, 300.0


def kinds(value: object) -> tuple[str, ...]:
    """A list of what a hook can be told of."""
    if not isinstance(value, list | tuple) or not value or not set(value) <= set(KINDS):
        raise ValueError(f"must be a list of {', '.join(KINDS)}")
    return tuple(value)


class HookSettings(Section):
    """One hook: exactly one of command, webhook, notify (an apprise address) and heartbeat.

    `on` is what it is told of, everything without it; `every` is the shortest time between two
    messages, or the time between two beats; `digest` is when a summary is sent, as in cron.
    """

    command: Annotated[tuple[str, ...], BeforeValidator(texts)] = ()
    webhook: str | None = None
    notify: str | None = None
    heartbeat: str | None = None
    on: Annotated[tuple[str, ...], BeforeValidator(kinds)] = ()
    every: PositiveDuration | None = None
    digest: str | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it is told of, or what stops its beat."""
        return self.on or KINDS

    @property
    def way(self) -> str:
        """Which of the four it is."""
        return next(way for way in _WAYS if getattr(self, way))

    @property
    def target(self) -> str:
        """Where it goes, which may hold a secret."""
        return " ".join(self.command) or self.webhook or self.notify or self.heartbeat or ""

    @property
    def pause(self) -> float:
        """Seconds between two messages or beats."""
        if self.every is not None:
            return self.every
        return _EVERY if self.heartbeat is None else _BEAT_EVERY

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere: whoever knows such an address can write to it."""
        return tuple(url for url in (self.webhook, self.notify, self.heartbeat) if url)

    @field_validator("webhook", "heartbeat")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or " " in value:
                raise ValueError('must be an address such as "https://chat.example/hooks/…"')
        return value

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

    @field_validator("digest")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

            try:
                CronTrigger.from_crontab(value, timezone="UTC")
            except ValueError:
                raise ValueError('must be five cron fields such as "0 8 * * mon-fri"') from None
        return value

    @model_validator(mode="after")
    def _goes_one_way(self) -> Self:
        ways = [way for way in _WAYS if getattr(self, way)]
        if len(ways) != 1:
            raise ValueError(f"a hook needs exactly one of {', '.join(_WAYS)}")
        if self.heartbeat is not None and self.digest is not None:
            raise ValueError("a heartbeat says nothing but that all is well: no digest")
        return self
