"""Set-ups that need a stand-in of their own.

A live server cannot be brought into these states through its API, or must not be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kbsync.standin import Fault, StandIn

from .setups import (
    Setup,
    Words,
    busy,
    document,
    four_datasets,
    four_of_five,
    indexing,
    indexing_archived,
    just_disabled,
    limited,
    listing,
    stuck,
    waiting,
    waiting_fields,
)

OTHER_KEY = "dataset-other-workspace"
SLOW = Fault("index-slow", name="^slow", times=None, seconds=3600)
ONE_WORKER: Mapping[str, Any] = {"workers": 1, "faults": (SLOW,)}
FIVE_A_MINUTE: Mapping[str, Any] = {"rate_limit": 5}


def _nothing_more(standin: StandIn, words: Words) -> None:
    """Most set-ups are complete once their requests are answered."""


def _kill_the_workers(standin: StandIn, words: Words) -> None:
    standin.kill_workers()


def _switch_api_off(standin: StandIn, words: Words) -> None:
    standin.change_dataset(words["dataset"], enable_api=False)


def _reach(quota: str) -> Callable[[StandIn, Words], None]:
    return lambda standin, words: standin.quotas.add(quota)


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A stand-in for one set-up alone.

    ``before`` and ``after`` do what no request can, before and after ``make``; ``kept`` says that
    the rows of this set-up do not change it and may share it.
    """

    make: Setup
    settings: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[StandIn], Words] = lambda standin: {}
    after: Callable[[StandIn, Words], None] = _nothing_more
    kept: bool = False


def _add_workspace(standin: StandIn) -> Words:
    standin.add_workspace(OTHER_KEY)
    return {"other_key": OTHER_KEY}


def _uncounted_dataset(standin: StandIn) -> Words:
    return {"limited_dataset": standin.create_dataset("limited")}


ON_OUR_OWN: Mapping[str, OwnServer] = {
    "busy": OwnServer(busy, ONE_WORKER),
    "waiting": OwnServer(waiting, ONE_WORKER),
    "waiting-fields": OwnServer(waiting_fields, ONE_WORKER),
    "just-disabled": OwnServer(just_disabled, ONE_WORKER),
    "indexing": OwnServer(indexing, ONE_WORKER),
    "indexing-archived": OwnServer(indexing_archived, ONE_WORKER),
    "stuck": OwnServer(stuck, ONE_WORKER, after=_kill_the_workers),
    "listing": OwnServer(listing, kept=True),
    "four-datasets": OwnServer(four_datasets, kept=True),
    "foreign": OwnServer(document, before=_add_workspace),
    "api-off": OwnServer(document, after=_switch_api_off, kept=True),
    "four-of-five": OwnServer(four_of_five, FIVE_A_MINUTE, before=_uncounted_dataset),
    "limited": OwnServer(limited, FIVE_A_MINUTE, before=_uncounted_dataset),
    "full-space": OwnServer(document, after=_reach("vector-space"), kept=True),
    "full-documents": OwnServer(document, after=_reach("documents"), kept=True),
    "unknown-space": OwnServer(document, after=_reach("vector-space-unknown"), kept=True),
}
