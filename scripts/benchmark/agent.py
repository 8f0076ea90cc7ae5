"""The independent client that prepares and checks: runs in the peers' environment, on obstore.

Reads jobs as lines of JSON on stdin, answers each with a line of JSON. Idle while a tool is timed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

AT_ONCE = 32


def store_of(job: dict[str, Any]) -> S3Store:
    # The certificate's authority is the benchmark's own, and nothing leaves this machine.
    options = {"allow_http": True, "allow_invalid_certificates": True, "timeout": "120s"}
    return S3Store(
        job["bucket"],
        endpoint=job["url"],
        access_key_id=job["access_key"],
        secret_access_key=job["secret_key"],
        region=job["region"],
        virtual_hosted_style_request=False,
        client_options=options,
    )


async def each(work: Callable[[str], Awaitable[None]], names: Iterable[str]) -> None:
    waiting = iter(names)

    async def worker() -> None:
        for name in waiting:
            await work(name)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def put(job: dict[str, Any]) -> None:
    """Store `names` of `folder` below `prefix`."""
    store, prefix = store_of(job), job["prefix"]

    async def send(name: str) -> None:
        content = await asyncio.to_thread(Path(job["folder"], name).read_bytes)
        described = {"timetrace-sha256": hashlib.sha256(content).hexdigest()}  # as timetrace stores it
        await obstore.put_async(store, f"{prefix}/{name}", content, attributes=described, use_multipart=False)

    asyncio.run(each(send, job["names"]))


def fill(job: dict[str, Any]) -> None:
    """Store a few bytes under each of `names`, below `prefix`."""
    store, prefix = store_of(job), job["prefix"]

    async def send(name: str) -> None:
        await obstore.put_async(store, f"{prefix}/{name}", b"{}\n", use_multipart=False)

    asyncio.run(each(send, job["names"]))


def listing(job: dict[str, Any]) -> dict[str, list[Any]]:
    """Size, ETag and time of each object below `prefix`."""
    prefix = job["prefix"] + "/"
    pages = obstore.list(store_of(job), prefix, chunk_size=1000)
    found = (meta for page in pages for meta in page)
    return {
        meta["path"][len(prefix) :]: [meta["size"], (meta["e_tag"] or "").strip('"'), str(meta["last_modified"])]
        for meta in found
    }


def hashes(job: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of every object below `prefix`, read back."""
    store, prefix, found = store_of(job), job["prefix"], dict[str, str]()

    async def fetch(name: str) -> None:
        answer = await obstore.get_async(store, f"{prefix}/{name}")
        digest = hashlib.sha256()
        async for part in answer.stream():
            digest.update(part)
        found[name] = digest.hexdigest()

    asyncio.run(each(fetch, list(listing(job))))
    return found


def sign(job: dict[str, Any]) -> str:
    """A URL that does `method` on `key` for an hour."""
    from datetime import timedelta

    signed = obstore.sign(store_of(job), job["method"], job["key"], timedelta(hours=1))
    return str(signed)


JOBS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "put": put,
    "fill": fill,
    "listing": listing,
    "hashes": hashes,
    "sign": sign,
}


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer: dict[str, Any] = {"result": JOBS[job["job"]](job)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
