"""A place to run kbsync as its user does: a folder, a configuration, a server on a socket."""

from __future__ import annotations

import codecs
import io
import json
import socket
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kbsync.cli import run
from kbsync.ledger import Ledger
from kbsync.model import Key, Record
from kbsync.standin import StandIn, StoredDocument, running


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    def line(self, part: str) -> str:
        """The one line that contains this; fails when there is none or more than one."""
        lines = [line for line in (self.out + self.err).splitlines() if part in line]
        assert len(lines) == 1, f"{part!r} is in {lines}:\n{self.out}{self.err}"
        return lines[0]


@dataclass
class Place:
    """One folder "docs" bound to dataset "KB" of a stand-in server."""

    root: Path
    config: Path
    ledger: Path
    standin: StandIn
    dataset_id: str
    base_url: str
    settings: dict[str, object] = field(default_factory=dict)

    def configure(self, **folder: object) -> None:
        """Write the configuration, with these keys of the folder changed for good."""
        self.settings |= folder
        lines = [
            f"ledger = {json.dumps(str(self.ledger))}",
            f"instance = {json.dumps(self.settings.get('instance', 'test'))}",
            "[server]",
            f"base_url = {json.dumps(str(self.settings.get('base_url', self.base_url)))}",
            f"api_key = {json.dumps(self.settings.get('api_key', self.standin.key))}",
            f"api_style = {json.dumps(self.settings.get('api_style', 'auto'))}",
            f"max_indexing = {json.dumps(self.settings.get('max_indexing', 100))}",
            "[http]",
            f"listen = {json.dumps(self.settings.get('listen', '127.0.0.1:0'))}",
            "[[folders]]",
        ]
        server = {"base_url", "api_key", "api_style", "max_indexing", "instance", "listen"}
        lines += [
            f"{key} = {_toml(value)}" for key, value in self.settings.items() if key not in server
        ]
        self.config.write_text("\n".join(lines) + "\n")
        self.config.chmod(0o600)

    def part_from_server(self) -> None:
        """Configure an address where nothing listens, as when the server is stopped."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.configure(base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")

    def kbsync(self, *arguments: str) -> Said:
        """Run one command with this place's configuration."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([arguments[0], "--config", str(self.config), *arguments[1:]])
        return Said(code, out.getvalue(), err.getvalue())

    def lose_ledger(self) -> None:
        """Delete the ledger, as with a new disk."""
        for file in self.ledger.parent.iterdir():
            file.unlink()
        self.standin.forget_requests()

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file of the folder."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def documents(self) -> list[StoredDocument]:
        """All documents of the dataset."""
        return self.standin.documents(self.dataset_id)

    def calls(self) -> Counter[str]:
        """Requests by kind since the last call of this."""
        counted = Counter(request.kind for request in self.standin.requests)
        self.standin.forget_requests()
        return counted

    def record(self, path: str) -> Record:
        """The ledger's row of a file."""
        with Ledger.open(self.ledger, readonly=True) as ledger:
            record = ledger.record(Key("docs", path))
        assert record is not None, path
        return record

    def live(self) -> dict[str, StoredDocument]:
        """The live document of each file that has one, by path."""
        by_id = {document.id: document for document in self.documents()}
        with Ledger.open(self.ledger, readonly=True) as ledger:
            records = ledger.everything("docs").values()
        return {
            record.key.path: by_id[record.live.document_id]
            for record in records
            if record.live is not None
        }

    def equal(self, *, others: Collection[str] = ()) -> None:
        """Assert that each file has exactly one document, completed and with the file's bytes.

        A byte order mark is not sent. `others` are ids of documents that are somebody else's.
        """
        live = self.live()
        files = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        assert live.keys() == files.keys()
        for path, body in files.items():
            assert live[path].body == body.removeprefix(codecs.BOM_UTF8), path
            assert live[path].indexing_status == "completed", path
            assert live[path].segments > 0, path
        assert len([one for one in self.documents() if one.id not in others]) == len(files)


def _toml(value: object) -> str:
    """A value on one line; a table as TOML writes it there."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return json.dumps(value)


@contextmanager
def a_place(tmp_path: Path, **standin: Any) -> Iterator[Place]:
    """A running stand-in with an empty dataset "KB", an empty folder, and a configuration."""
    root = tmp_path / "docs"
    root.mkdir()
    server = StandIn(**standin)
    simple = standin.get("dialect") == "simple"
    dataset_id = server.create_dataset("KB")
    with closing(server), running(server) as base_url:
        place = Place(
            root=root,
            config=tmp_path / "kbsync.toml",
            ledger=tmp_path / "state" / "ledger.db",
            standin=server,
            dataset_id=dataset_id,
            base_url=base_url,
        )
        place.configure(
            name="docs",
            path=str(root),
            dataset=dataset_id if simple else "KB",
            indexing_technique="economy",
        )
        yield place
