"""The other end of agent.py: the independent client, asked for what is to be prepared or looked at."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.measure import FailedError
from benchmark.peers import Place


class Listed(NamedTuple):
    size: int
    etag: str
    modified: str


class Agent:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, job: str, place: Place, **details: Any) -> Any:
        """The answer to a job of agent.py; FailedError if it could not do it."""
        server = place.server
        asked = {"job": job, "url": server.url, "bucket": place.bucket, "prefix": place.prefix, "region": server.region}
        asked |= {"access_key": server.access_key, "secret_key": server.secret_key, **details}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise FailedError(f"the checking client, at {job}: {answer['error']}")
        return answer["result"]

    def put(self, place: Place, folder: Path, names: Iterable[str]) -> None:
        self.ask("put", place, folder=str(folder), names=list(names))

    def listing(self, place: Place) -> dict[str, Listed]:
        return {name: Listed(*values) for name, values in self.ask("listing", place).items()}

    def hashes(self, place: Place) -> dict[str, str]:
        found: dict[str, str] = self.ask("hashes", place)
        return found


@contextmanager
def agent(python: Path) -> Iterator[Agent]:
    program = Path(__file__).with_name("agent.py")
    process = subprocess.Popen(
        [python, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield Agent(process)
    finally:
        process.kill()
        process.wait()
