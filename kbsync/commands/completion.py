"""`kbsync completion`: the script that lets a shell complete commands, options and folders."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_KBSYNC_COMPLETE"


@click.command(name="completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    For everybody:
      kbsync completion bash > /etc/bash_completion.d/kbsync
      kbsync completion zsh  > /usr/local/share/zsh/site-functions/_kbsync
      kbsync completion fish > /etc/fish/completions/kbsync.fish

    Example: kbsync completion bash > ~/.local/share/bash-completion/completions/kbsync
    """  # noqa: D301 - click looks for the character \b
    root = click.get_current_context().find_root()
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - each of the choices has one
    click.echo(made(root.command, {}, "kbsync", _VARIABLE).source())
    return 0
