"""Long listings: side by side where that is sure to lose nothing, and in the order that a sync's plan needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from timetrace.errors import ResponseError
from timetrace.s3.listing import ListObjectsV2, ObjectSummary, Page
from timetrace.storage.sync import Entry
from timetrace.storage.workers import Ahead

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client

# A listing is looked at this far before its order is believed. Disorder after that starts the sync over.
WINDOW = 10_000
# The server makes the next pages while one is taken in.
PAGES_AHEAD = 2


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
    return chain(head, listing) if _rises(head) else in_order(chain(head, listing))


def _rises(listing: Sequence[Entry | ObjectSummary]) -> bool:
    return all(before.key < after.key for before, after in pairwise(listing))


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


# One page takes a round trip and names the next, so that a hundred of them take a hundred round trips. Where the
# server is known to list in order, what comes after the first pages is cut where its folders end, and several pieces
# are listed at once: for one more request, and part of a page a piece.
PAGES_BEFORE = 5
AT_ONCE = 4
PAGES_EACH = 4
PAGE = 1000
# By its Server header. S3's own directory buckets are not in order, and named so. MinIO is in order, but each start in
# the middle costs it as much as all pages do.
_IN_ORDER = "amazons3"
_DIRECTORY_BUCKETS = ("--x-s3", "--xa-s3")


def list_pages(client: S3Client, prefix: str) -> Iterator[Sequence[ObjectSummary]]:
    """All objects below `prefix`, in the server's order, a page at a time."""
    seen: list[ObjectSummary] = []
    for count, page in enumerate(client.pages(prefix), 1):
        yield page.objects
        if count <= PAGES_BEFORE:
            seen += page.objects
        if count == PAGES_BEFORE and page.token and page.objects and _is_in_order(client, page) and _rises(seen):
            last = page.objects[-1].key
            ends = _ends(client, prefix, last, seen)
            seen.clear()
            if len(ends) > 1:
                yield from _side_by_side(client, prefix, [last, *ends])
                return


def _is_in_order(client: S3Client, page: Page) -> bool:
    return page.server.lower().startswith(_IN_ORDER) and not client.bucket.endswith(_DIRECTORY_BUCKETS)


def _ends(client: S3Client, prefix: str, last: str, seen: Sequence[ObjectSummary]) -> list[str]:
    """Where to cut: after so many folders that a segment has about PAGES_EACH pages, going by those `seen`."""
    folders = sorted(client.perform(ListObjectsV2(prefix, start_after=last, delimiter="/")).folders)
    in_seen = len({found.key[len(prefix) :].partition("/")[0] for found in seen})
    step = max(1, PAGES_EACH * PAGE * in_seen // max(len(seen), 1))
    return [folder for folder in folders[step - 1 :: step] if folder > last]


def _side_by_side(client: S3Client, prefix: str, cuts: Sequence[str]) -> Iterator[Sequence[ObjectSummary]]:
    waiting = iter([*pairwise(cuts), (cuts[-1], None)])
    at_work: deque[Ahead[Sequence[ObjectSummary]]] = deque()
    try:
        while True:
            while len(at_work) < AT_ONCE and (bounds := next(waiting, None)):
                at_work.append(Ahead(_segment(client, prefix, *bounds), PAGES_EACH))
            if not at_work:
                return
            yield from at_work[0]
            at_work.popleft()
    finally:
        for ahead in at_work:
            ahead.close()


def _segment(client: S3Client, prefix: str, start: str, end: str | None) -> Iterator[Sequence[ObjectSummary]]:
    """What lies after `start`, up to and with `end`. ResponseError where the order is not what it was taken for."""
    before = start
    for objects in client.list_pages(prefix, start_after=start):
        for found in objects:
            if found.key <= before:
                raise ResponseError("the listing is out of order, against what this server is known for")
            before = found.key
        if end is not None and before > end:
            yield [found for found in objects if found.key <= end]
            return
        yield objects
