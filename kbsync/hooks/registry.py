"""From settings to a hook."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kbsync.config import HookSettings, Settings
from kbsync.hooks.command import Command
from kbsync.hooks.interface import Hook


def _webhook(hook: HookSettings, settings: Settings) -> Hook:  # noqa: ARG001 - one shape for all ways
    from kbsync.hooks.web import Webhook  # noqa: PLC0415 - only when needed

    return Webhook(hook.target)


def _heartbeat(hook: HookSettings, settings: Settings) -> Hook:  # noqa: ARG001 - one shape for all ways
    from kbsync.hooks.web import Heartbeat  # noqa: PLC0415 - only when needed

    return Heartbeat(hook.target)


def _notify(hook: HookSettings, settings: Settings) -> Hook:  # noqa: ARG001 - one shape for all ways
    from kbsync.hooks.apprise import Notify  # noqa: PLC0415 - an extra

    return Notify(hook.target)


def _workflow(hook: HookSettings, settings: Settings) -> Hook:
    from kbsync.apps import open_app  # noqa: PLC0415 - only when needed
    from kbsync.hooks.workflow import Workflow  # noqa: PLC0415 - only when needed

    server = settings.server
    connect = partial(open_app, server.url, hook.key, timeout=server.timeout, verify=server.verify)
    return Workflow(connect, hook.inputs, settings.app.user)


_WAYS: dict[str, Callable[[HookSettings, Settings], Hook]] = {
    "command": lambda hook, _: Command(hook.command),
    "webhook": _webhook,
    "notify": _notify,
    "workflow": _workflow,
    "heartbeat": _heartbeat,
}


def open_hook(hook: HookSettings, settings: Settings) -> Hook:
    """The way that the hook's settings name."""
    return _WAYS[hook.way](hook, settings)
