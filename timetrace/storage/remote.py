"""The remote side of a sync: a listing in the order that the plan needs, whatever order it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import chain, islice

from timetrace.s3.listing import ObjectSummary
from timetrace.storage.sync import Entry

# A listing is looked at this far before its order is believed. Disorder after that starts the sync over.
WINDOW = 10_000


def entries(
    pages: Iterable[Sequence[ObjectSummary]],
    prefix: str,
    takes: Callable[[str], bool],
    left_out: Callable[[str], object],
) -> Iterator[Entry]:
    """The cassettes below `prefix`, keys relative to it; `left_out` is told the keys that no pattern takes."""
    cut = len(prefix)
    for page in pages:
        for key, size, etag, _ in page:
            name = key[cut:]
            if not name or (not size and name.endswith("/")):
                continue  # a folder's marker, not a cassette
            if takes(name):
                yield Entry(name, size, etag)
            else:
                left_out(name)


def in_believed_order(listing: Iterator[Entry]) -> Iterator[Entry]:
    """The listing as it comes if it begins in order, else all of it, sorted."""
    head = list(islice(listing, WINDOW))
    rises = all(head[i].key < head[i + 1].key for i in range(len(head) - 1))
    return chain(head, listing) if rises else in_order(chain(head, listing))


def in_order(listing: Iterable[Entry]) -> Iterator[Entry]:
    """All of the listing, sorted.

    It is held as one text an object, which takes a third of the memory that an Entry does, and sorts as its key
    does: NUL is the least of all signs. Keys that have one themselves are held apart.
    """
    texts: list[str] = []
    odd: list[Entry] = []
    for entry in listing:
        if "\0" in entry.key:
            odd.append(entry)
        else:
            texts.append(f"{entry.key}\0{entry.size}\0{entry.etag}")
    texts.sort()
    odd.sort()
    kept = map(_entry, texts)
    return merge(kept, odd) if odd else kept


def _entry(text: str) -> Entry:
    key, size, etag = text.split("\0", 2)
    return Entry(key, int(size), etag)
