"""`kbsync demo`: see it work, on the embedded server."""

from __future__ import annotations

from pathlib import Path

import click

from kbsync.commands.standin import VERSIONS, extra_installed


@click.command(name="demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="A folder of yours instead of the samples; it is only read.",
)
@click.option(
    "--behave",
    type=click.Choice(VERSIONS),
    default=VERSIONS[-1],
    show_default=True,
    help="The version of Dify that the server behaves as.",
)
@click.option("--keep", is_flag=True, help="Keep configuration, ledger and server data.")
def command(folder: Path | None, behave: str, keep: bool) -> int:
    """Sync documents with an embedded server from start to end, and check the outcome.

    Needs no Dify and no configuration, and listens on the loopback interface only. Exits with 1
    when files, ledger and server disagree at the end.

    Example: kbsync demo --dir ~/Documents/handbook
    """
    with extra_installed():
        from kbsync.commands.demo_steps import show_folder, show_samples
    if folder is None:
        show_samples(behave, keep=keep)
    else:
        show_folder(folder, behave, keep=keep)
    return 0
