"""One scenario's work on one server: what is prepared before each run, and what must be true after it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmark import work
from benchmark.agents import Agent
from benchmark.measure import FailedError, Taken, run
from benchmark.peers import Argv, Place, Tool, surroundings
from benchmark.scenarios import Scenario
from tests.servers.server import Server

CHANGED = 20
SECOND = 1.1  # servers tell times in whole seconds
FOR_WARMTH = 500  # files
READ_BACK = 2_000  # more files than these are told by the MD5s alone: the same tools were read back with fewer


class Job(NamedTuple):
    argv: Argv
    check: Callable[[bool], None]  # told whether every byte must be read back, or the server's MD5s will do


class Trial:
    """The tools go to `place`; what prepares and checks goes to the same server, but never through a slow line."""

    def __init__(self, scenario: Scenario, place: Place, near: Server, agent: Agent, scratch: Path) -> None:
        self.scenario, self.place, self.near, self.agent = scenario, place, near, agent
        self.scratch = scratch
        self.folder = scratch / "work"
        self.manifest = work.Manifest()
        self.before = self.manifest
        self._number = 0
        self._jobs = {
            "up": self._up,
            "down": self._down,
            "nothing": self._nothing,
            "changed": self._changed,
            "put": self._put,
            "put-large": self._put,
            "get": self._get,
            "get-large": self._get,
            "list": self._list,
        }
        self._prepare()

    def supports(self, tool: Tool) -> bool:
        needed = {"down": "down", "put": "put", "put-large": "put", "get": "get", "get-large": "get"}
        needed["list"] = "list_keys"
        return getattr(tool, needed.get(self.scenario.work, "up")) is not None

    def run(self, tool: Tool, *, thorough: bool) -> Taken:
        """Let `tool` do the work once. FailedError unless all of it is done, to the byte."""
        self._number += 1
        home = self.scratch / "home"
        home.mkdir(exist_ok=True)
        job = self._jobs[self.scenario.work](tool, f"{tool.name}-{self._number}")
        taken = run(job.argv, surroundings(tool, self.place, home), home)
        job.check(thorough)
        return taken

    def _near(self, place: Place) -> Place:
        return replace(place, server=self.near)

    def _prepare(self) -> None:
        kind, count = self.scenario.work, self.scenario.count
        source = self._near(self.place.at("source"))
        if kind == "list":
            names = [f"{number // 1000:03d}/GET__items__{number:06d}.json" for number in range(count)]
            self.agent.ask("fill", source, names=names)
            self.manifest = dict.fromkeys(names, work.Content(3, "", ""))
            return
        if kind.endswith("large"):
            self.manifest = {"large.bin": work.make_large(self.folder / "large.bin", count)}
        else:
            self.manifest = work.make(self.folder, count)
        if kind in ("up", "put", "put-large"):  # or the first tool would wait for a server that has stored nothing yet
            self.agent.put(self._near(self.place.at("warmth")), self.folder, list(self.manifest)[:FOR_WARMTH])
        else:
            self.agent.put(source, self.folder, self.manifest)
        if kind == "changed":
            shutil.copytree(self.folder, self.scratch / "before")
            self.before = self.manifest
            self.manifest = work.change(self.folder, self.manifest, CHANGED)
        if kind in ("nothing", "changed"):
            time.sleep(SECOND)

    def _up(self, tool: Tool, name: str) -> Job:
        assert tool.up
        to = self.place.at(f"up/{name}")
        return Job(tool.up(self.folder, to), lambda thorough: self._stored(to, thorough))

    def _down(self, tool: Tool, name: str) -> Job:
        assert tool.down
        folder, source = self.scratch / "down" / name, self.place.at("source")
        folder.mkdir(parents=True)

        def check(thorough: bool) -> None:
            found = work.read(folder / source.prefix if tool.own_layout else folder)
            shutil.rmtree(folder)
            expect(
                found == self.manifest,
                f"{differing(found, self.manifest)} of {len(self.manifest)} files are missing or differ",
            )

        return Job(tool.down(folder, source), check)

    def _nothing(self, tool: Tool, name: str) -> Job:
        assert tool.up
        source = self.place.at("source")
        before = self.agent.listing(self._near(source))

        def check(thorough: bool) -> None:
            sent = differing(before, self.agent.listing(self._near(source)))
            expect(sent == 0 or tool.own_layout, f"{sent} objects were sent although nothing was to do")
            self._stored(source, thorough and tool.own_layout)  # what was not sent needs no reading

        return Job(tool.up(self.folder, source), check)

    def _changed(self, tool: Tool, name: str) -> Job:
        assert tool.up
        source = self.place.at("source")
        changed = [key for key, content in self.manifest.items() if self.before[key] != content]
        restored = self.manifest if tool.own_layout else changed
        self.agent.put(self._near(source), self.scratch / "before", restored)
        before = self.agent.listing(self._near(source))
        for key in changed:
            os.utime(self.folder / key)

        def check(thorough: bool) -> None:
            after = self.agent.listing(self._near(source))
            others = sum(before[key] != after.get(key) for key in before if key not in changed)
            expect(others == 0 or tool.own_layout, f"{others} objects were sent although they had not changed")
            self._stored(source, thorough)

        return Job(tool.up(self.folder, source), check)

    def _put(self, tool: Tool, name: str) -> Job:
        assert tool.put
        (file,) = self.manifest
        to = self.place.at(f"put/{name}/{file}")
        if tool.name == "floor":
            to = self.place.at(self.agent.ask("sign", to, method="PUT", key=to.prefix))
        stored = self.place.at(f"put/{name}")
        return Job(tool.put(self.folder / file, to), lambda thorough: self._stored(stored, thorough))

    def _get(self, tool: Tool, name: str) -> Job:
        assert tool.get
        (file,) = self.manifest
        source = self.place.at(f"source/{file}")
        if tool.name == "floor":
            source = self.place.at(self.agent.ask("sign", source, method="GET", key=source.prefix))
        path = self.scratch / "get" / name
        path.parent.mkdir(exist_ok=True)

        def check(thorough: bool) -> None:
            found = work.describe(path.read_bytes())
            path.unlink()
            expect(found == self.manifest[file], "the file is not as it should be")

        return Job(tool.get(path, source), check)

    def _list(self, tool: Tool, name: str) -> Job:
        assert tool.list_keys
        wanted = {name.rpartition("/")[2] for name in self.manifest}

        def check(thorough: bool) -> None:
            lines = (self.scratch / "home" / "stdout").read_text().splitlines()
            found = {line.rpartition("/")[2] for line in lines}
            expect(found == wanted and len(lines) == len(wanted), f"{len(lines)} lines, {len(found & wanted)} right")

        return Job(tool.list_keys(self.scratch, self.place.at("source")), check)

    def _stored(self, place: Place, thorough: bool) -> None:
        """Exactly the manifest is below `place`."""
        listed = self.agent.listing(self._near(place))
        right = {name: (content.size, content.md5) for name, content in self.manifest.items()}
        found = {name: (entry.size, entry.etag) for name, entry in listed.items()}
        if (thorough and len(right) <= READ_BACK) or found != right:  # an ETag need not be an MD5
            hashes = self.agent.hashes(self._near(place))
            wanted = {name: content.sha256 for name, content in self.manifest.items()}
            expect(hashes == wanted, f"{differing(hashes, wanted)} of the objects are not as they should be")


def expect(fact: bool, otherwise: str) -> None:
    if not fact:
        raise FailedError(otherwise)


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> int:
    return sum(one.get(name) != other.get(name) for name in {*one, *other})
