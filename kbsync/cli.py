"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from kbsync.errors import BackendError, ConfigError, KbsyncError, LedgerBusy

#: Sub-commands in the order of `kbsync --help`, each a module of `kbsync.commands`.
COMMANDS = {
    "init": "Write a configuration from a few answers.",
    "doctor": "Try every part and say what to do about each finding.",
    "plan": "Show what reconcile would do, and why, file by file.",
    "reconcile": "Make the datasets equal to the folders, once.",
    "run": "Keep them equal, as a service: watch, rescan, send, follow.",
    "status": "Show what is in, what is not, and why.",
    "history": "Show what happened, to everything or to one file.",
    "explain": "Tell everything about one file.",
    "search": "Find passages in what was synced, with the files they are from.",
    "ask": "Ask the Dify application, and see the files that its answer rests on.",
    "approve": "Release deletions that a safety rule holds.",
    "retry": "Send failed files again.",
    "audit": "Compare the datasets with the ledger, and put right what differs.",
    "adopt": "Take over what the datasets hold already, after a lost ledger.",
    "demo": "See it work, on an embedded server and sample documents.",
    "standin": "Run the embedded Dify-compatible server.",
    "install-service": "Run kbsync as a service of systemd.",
    "completion": "Print the completion script of a shell.",
    "man": "Print the manual page.",
}

INTERNAL, USAGE, UNREACHABLE, BUSY, INTERRUPTED = 1, 2, 5, 75, 130


class Commands(click.Group):
    """Imports a command's module only when it is called, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in their own order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"kbsync.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a module of ours, for the type
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, with their lines of help; imports none of them either."""
        return [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ] or click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_versions(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from kbsync.commands.versions import versions  # noqa: PLC0415 - asked for rarely

    for name, version in versions():
        click.echo(f"{name} {version}")
    ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of kbsync and of what it runs on.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file; every command takes it, too.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Keep folders of documents equal to knowledge bases (datasets) in Dify.

    \b
    First steps:
      kbsync demo                 see it work, nothing to install or configure
      kbsync init                 write a configuration
      kbsync doctor               try it
      kbsync plan                 see what would happen
      kbsync reconcile            do it
    """  # noqa: D301 - click looks for the character \b
    ctx.obj = config


def main() -> None:
    """Run the command line and exit with its code; SIGTERM stops as Ctrl-C does."""
    # Imports and a ledger's rows live to the end: looking for garbage among them finds none.
    gc.set_threshold(50_000, 20, 100)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error ends here, as one message."""
    try:
        colour = False if os.environ.get("NO_COLOR") else None  # None: as the stream can
        result = cli.main(arguments, prog_name="kbsync", standalone_mode=False, color=colour)
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.exceptions.Abort:
        return INTERRUPTED
    except KbsyncError as error:
        return _told(error)
    except KeyboardInterrupt:
        click.echo("kbsync: stopped", err=True)
        return INTERRUPTED
    except SystemExit:
        # click ends so when a pipe's reader went away, as `| head` does: nobody is left to tell.
        return 0
    except Exception:  # noqa: BLE001 - the outer boundary: everything becomes a message here
        import traceback  # noqa: PLC0415 - only a defect needs it

        traceback.print_exc()
        click.echo("kbsync: this is a defect of kbsync; please report the lines above", err=True)
        return INTERNAL
    return result if isinstance(result, int) else 0


def _told(error: KbsyncError) -> int:
    for line in str(error).splitlines():
        click.echo(f"kbsync: {line}", err=True)
    match error:
        case ConfigError():
            return USAGE
        case LedgerBusy():
            return BUSY
        case BackendError():
            return UNREACHABLE
        case _:
            return INTERNAL
