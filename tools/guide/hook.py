"""What mkdocs calls: adds the pages that are made of the code."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))  # mkdocs loads this file by its path

from tools.guide import PAGES


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put every made page beside those in docs/."""
    for name, page in PAGES.items():
        files.append(File.generated(config, name, content=page()))
    return files
