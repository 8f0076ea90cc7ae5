"""What obstore's users write for themselves, as it has no sync: a bounded number of its coroutines at once.

Usage: by_obstore.py up|down|put|get|list PATH BUCKET PREFIX-OR-KEY; all else is in the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from benchmark.comparing import Entry, differing, local, make_folders

AT_ONCE = 32


async def each(work: Callable[[str], Awaitable[None]], names: Iterable[str]) -> None:
    waiting = iter(names)

    async def worker() -> None:
        for name in waiting:
            await work(name)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def main(work: str, path: str, bucket: str, key: str) -> None:
    store = S3Store(bucket, client_options={"allow_http": True})

    def listed() -> list[Any]:
        return [one for page in obstore.list(store, f"{key}/", chunk_size=1000) for one in page]

    def entries() -> dict[str, Entry]:
        start = len(key) + 1
        return {one["path"][start:]: Entry(one["size"], one["last_modified"].timestamp()) for one in listed()}

    async def send(name: str) -> None:
        await obstore.put_async(store, f"{key}/{name}", Path(path, name))

    async def fetch(name: str) -> None:
        answer = await obstore.get_async(store, f"{key}/{name}")
        content = await answer.bytes_async()
        with open(os.path.join(path, name), "wb") as file:
            file.write(content)

    if work == "put":
        obstore.put(store, key, Path(path))
    elif work == "get":
        with open(path, "wb") as file:
            for piece in obstore.get(store, key).stream():
                file.write(piece)
    elif work == "list":
        print("\n".join([one["path"] for one in listed()]))
    elif work == "up":
        asyncio.run(each(send, differing(local(path), entries())))
    else:
        names = differing(entries(), local(path))
        make_folders(path, names)
        asyncio.run(each(fetch, names))


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # its threads at times abort a process that ends as others do, all work done
