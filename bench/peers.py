"""Other people's tools in a virtual environment of their own, made when it is first needed."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PLACE = _HERE / ".peers"

#: oikb hashes every file of a folder for its manifest, which its server compares; nothing is asked.
OIKB = """
import sys
from oikb.connectors.filesystem import FilesystemConnector
print(len(FilesystemConnector(sys.argv[1]).build_manifest()))
"""

#: LangChain's index() with the quickest loader there can be, and a vector store in memory. What it
#: knows is in SQLite, as a second run finds it.
LANGCHAIN = """
import os, sys
from langchain_classic.indexes import SQLRecordManager
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import index
from langchain_core.vectorstores import InMemoryVectorStore

class NoEmbeddings(Embeddings):
    def embed_documents(self, texts):
        return [[1.0]] * len(texts)

    def embed_query(self, text):
        return [1.0]

def load(root):
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, encoding="utf-8") as file:
                yield Document(page_content=file.read(), metadata={"source": path})

records = SQLRecordManager("bench", db_url="sqlite:///" + sys.argv[2])
records.create_schema()
store = InMemoryVectorStore(NoEmbeddings())
print(index(load(sys.argv[1]), records, store, cleanup="full", source_id_key="source",
            key_encoder="sha256", batch_size=1000))
"""


@functools.cache
def python() -> str | None:
    """Their interpreter; None, and told, when they cannot be installed."""
    made = _PLACE / "bin" / "python"
    wanted = (_HERE / "peers.txt").read_text()
    done = _PLACE / "peers.txt"
    if done.exists() and done.read_text() == wanted:
        return str(made)
    print("Installing what is measured beside kbsync into bench/.peers ...", flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_PLACE)], check=True)
        install = [str(made), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", str(_HERE / "peers.txt")], check=True)
    except subprocess.CalledProcessError as error:
        print(f"  left out, they cannot be installed: {' '.join(map(str, error.cmd[1:4]))}")
        return None
    done.write_text(wanted)
    return str(made)


def over_files(tree: Path, place: Path) -> dict[str, list[str]]:
    """Commands that do over an unchanged tree what `kbsync plan` does, their memory in `place`."""
    if (theirs := python()) is None:
        return {}
    index = [theirs, "-c", LANGCHAIN, str(tree), str(place / "langchain.db")]
    subprocess.run(index, check=True, stdout=subprocess.DEVNULL)
    return {"oikb's manifest": [theirs, "-c", OIKB, str(tree)], "LangChain's index()": index}


def loop(script: str, *arguments: str) -> list[str] | None:
    """A command that runs this script with the vendor's client; None where it is missing."""
    theirs = python()
    return None if theirs is None else [theirs, "-c", script, *arguments]
