"""What a sync has to do: a merge of two listings in order that never holds both. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, cast

from timetrace.errors import ResponseError
from timetrace.storage.keys import visible


class Entry(NamedTuple):
    """An object or a file as a listing tells it: its key, relative to what is synced, its size in bytes.

    The `etag` of a file is its MD5 if that is known, else empty.
    """

    key: str
    size: int
    etag: str = ""


Kind = Literal["copy", "compare", "extra", "refuse"]


class Step(NamedTuple):
    """One key's fate. `source` is None for "extra" only; `reason` is told for "refuse" only."""

    kind: Kind
    key: str
    source: Entry | None
    target: Entry | None
    reason: str = ""


def as_text(step: Step) -> str:
    """The step in a third of the memory, for when all of them must be held."""
    sides = [
        text for side in (step.source, step.target) for text in ((str(side.size), side.etag) if side else ("", ""))
    ]
    return "\0".join([step.kind, step.key, *sides, step.reason])


def from_text(text: str) -> Step:
    kind, _, rest = text.partition("\0")
    # From the right: only a key may have a NUL.
    key, size, etag, there, their_etag, reason = rest.rsplit("\0", 5)
    source = Entry(key, int(size), etag) if size else None
    target = Entry(key, int(there), their_etag) if there else None
    return Step(cast(Kind, kind), key, source, target, reason)


class OutOfOrderError(Exception):
    """A listing is not in the order of UTF-8 bytes: collect it, sort it, and plan again."""

    def __init__(self, before: str, key: str) -> None:
        super().__init__(f"{visible(key)} is listed after {visible(before)}")


def in_order(listing: Iterable[Entry]) -> Iterator[Entry]:
    """The listing as it comes, as long as its keys rise strictly in the order of code points.

    That is the order of their UTF-8 bytes, in which AWS and MinIO list and `files.walk` walks. Raises
    OutOfOrderError before the first entry that breaks it, ResponseError for a key listed twice in a row.
    """
    before = ""
    first = True
    for entry in listing:
        key = entry.key
        if key <= before and not first:
            if key == before:
                raise ResponseError(f"the listing names {visible(key)} twice")
            raise OutOfOrderError(before, key)
        first = False
        before = key
        yield entry


def plan(
    source: Iterable[Entry],
    target: Iterable[Entry],
    *,
    refuse: Callable[[str], str | None] | None = None,
    fold: Callable[[str], str] | None = None,
) -> Iterator[Step]:
    """One step for each key of either side, in order of keys.

    ========  ========  =======================================  =========
    source    target                                             step
    ========  ========  =======================================  =========
    has it    any       `refuse(key)` gives a reason             refuse
    has it    any       the source has a file where the key      refuse
                        needs a folder: `a` and `a/b`
    has it    any       with `fold`: another spelling of the     refuse
                        key, or of a folder of it, came before
    has it    lacks it                                           copy
    has it    has it    sizes differ                             copy
    has it    has it    sizes are equal: content must decide     compare
    lacks it  has it                                             extra
    ========  ========  =======================================  =========

    An "extra" is skipped, unless a sync deletes what its source lacks. `fold` maps names that a file system
    takes for one and the same to one text; only with it is memory needed that grows with the listing.
    Raises what `in_order` raises, for either side, and what the listings raise themselves.
    """
    clash = _spellings(fold) if fold else _files_as_folders()
    sources, targets = in_order(source), in_order(target)
    ours, theirs = next(sources, None), next(targets, None)
    while True:
        if theirs is not None and (ours is None or theirs.key < ours.key):
            yield Step("extra", theirs.key, None, theirs)
            theirs = next(targets, None)
            continue
        if ours is None:
            return
        key = ours.key
        there = theirs if theirs is not None and theirs.key == key else None
        reason = (refuse(key) if refuse else None) or clash(key)
        if reason:
            yield Step("refuse", key, ours, there, reason)
        elif there is None or there.size != ours.size:
            yield Step("copy", key, ours, there)
        else:
            yield Step("compare", key, ours, there)
        ours = next(sources, None)
        if there is not None:
            theirs = next(targets, None)


def _files_as_folders() -> Callable[[str], str | None]:
    """Finds `a/b` after `a`, in a stack of files that a later key may still lie below.

    `a-1` and `a.b` sort between `a` and `a/b`, so `a` stays while keys start with it and go on with
    "/" or less. The stack is a chain of prefixes of one key: no deeper than a key is long.
    """
    files: list[str] = []

    def clash(key: str) -> str | None:
        while files and not (key.startswith(files[-1]) and key[len(files[-1])] <= "/"):
            files.pop()
        for file in files:
            if key[len(file)] == "/":
                return f"{visible(file)} is a file, and cannot be a folder too"
        files.append(key)
        return None

    return clash


def _spellings(fold: Callable[[str], str]) -> Callable[[str], str | None]:
    """Finds names that a file system takes for one, and files where folders must be.

    Two spellings of one folder are refused as well: its files would come back under the first one's keys.
    """
    kept: dict[str, tuple[str, bool]] = {}

    def clash(key: str) -> str | None:
        folders = [(key[:at], True) for at, sign in enumerate(key) if sign == "/"]
        names = {fold(name): (name, is_folder) for name, is_folder in [*folders, (key, False)]}
        for folded, name in names.items():
            other = kept.get(folded, name)
            if other != name:
                return f"{visible(other[0])} came before, and has the same name for this file system"
        kept.update(names)
        return None

    return clash
