"""PURE: what a person is to be told, from what is the matter now and what was told before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

#: What there can be to tell that needs a person, or did until now: the first five last, the sixth
#: happens, the last ends one that lasted.
NEEDS = ("problem", "failed", "held", "drift", "check", "repaired", "recovered")
#: All of it: a run that ended needs nobody, and is told only to who asks for it.
KINDS = (*NEEDS, "run")


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is the matter as long as it is.

    `about` is a folder, a question or ""; `count` how many files or documents, so that more of the
    same is news; `examples` are some of them.
    """

    kind: str
    about: str
    count: int
    text: str
    examples: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The same for the same matter, whatever its count."""
        return f"{self.kind} {self.about}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell."""

    kind: str
    about: str
    text: str
    count: int = 0
    examples: tuple[str, ...] = ()


Told = Mapping[str, int]

_OVER = {
    "problem": "the work goes on",
    "failed": "no file fails any more",
    "held": "no deletion is held any more",
    "drift": "the dataset is as agreed again",
    "check": "answered as it should be again",
}


def news(told: Told, now: Sequence[Condition], wanted: Collection[str]) -> list[Notice]:
    """What is new since `told`, of the wanted kinds: begun, got more, or over."""
    begun = [
        Notice(each.kind, each.about, each.text, each.count, each.examples)
        for each in now
        if each.kind in wanted and each.count > told.get(each.name, 0)
    ]
    if "recovered" not in wanted:
        return begun
    lasting = {each.name for each in now}
    return begun + [_over(name) for name in told if name not in lasting]


def told_after(now: Iterable[Condition], wanted: Collection[str]) -> dict[str, int]:
    """What has been told once the news are."""
    return {each.name: each.count for each in now if each.kind in wanted}


def told_meanwhile(told: Told, now: Iterable[Condition]) -> dict[str, int]:
    """What was told, with less where there is less by now: more than that will be news again."""
    counts = {each.name: each.count for each in now}
    return {name: min(count, counts.get(name, count)) for name, count in told.items()}


def _over(name: str) -> Notice:
    kind, _, about = name.partition(" ")
    return Notice("recovered", about, f"{about}: {_OVER[kind]}" if about else _OVER[kind])


def title_of(instance: str, notices: Sequence[Notice]) -> str:
    """One line: the first, which is the worst, and how many more there are."""
    more = f" (and {len(notices) - 1} more)" if len(notices) > 1 else ""
    return f"kbsync on {instance}: {notices[0].text}{more}"


def text_of(notices: Iterable[Notice]) -> str:
    """All of it as lines."""
    lines = []
    for notice in notices:
        lines.append(notice.text)
        lines += [f"  {example}" for example in notice.examples]
        if 0 < len(notice.examples) < notice.count:
            lines.append(f"  and {notice.count - len(notice.examples):,} more")
    return "\n".join(lines)
