"""Syncs with a SeaweedFS cluster that loses one of its three volume servers meanwhile, up and down."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from benchmark import work

from endurance.places import BUCKET, Wrong, config, give_up, local, stored, surroundings, torn
from tests.servers import cache, seaweedfs_cluster
from tests.servers.seaweedfs_cluster import Cluster
from timetrace.errors import TimetraceError
from timetrace.storage import S3Store, SyncReport
from timetrace.storage.report import SyncItem

MOST = 5  # syncs that it may take until everything is there


@dataclass(frozen=True)
class Outcome:
    """`named` are the cassettes that the first sync said it could not copy; `lacking` those that it did not copy.
    `calm` is the time of the same sync with all servers up; `back`: the server was started again before the end."""

    direction: str
    cassettes: int
    seconds: float
    calm: float
    named: int
    lacking: int
    syncs: int
    stopped: str
    back: bool

    def __str__(self) -> str:
        first = "everything was there and equal"
        if self.lacking:
            first = f"{self.lacking} of them were missing, and it named {self.named}"
        told = f" ({self.stopped})" if self.stopped else ""
        return (
            f"sync {self.direction}, {self.cassettes} cassettes, a volume server killed, "
            f"and started again {'before' if self.back else 'after'} the end: "
            f"{first}{told}; {self.seconds:.1f} s, {self.calm:.1f} s with all servers up; "
            f"after {self.syncs} sync{'s' if self.syncs > 1 else ''} all were there, byte for byte"
        )


class Trouble:
    """Kills a volume server once some items are done, and starts it again a while later."""

    def __init__(self, cluster: Cluster, number: int, after: int, seconds: float) -> None:
        self._cluster, self._number, self._after, self._seconds = cluster, number, after, seconds
        self._done = 0
        self.back = 0.0
        self._thread = Thread(target=self._run)

    def __call__(self, item: SyncItem) -> None:
        self._done += 1
        if self._done == self._after:
            self._thread.start()

    def _run(self) -> None:
        self._cluster.kill_volume(self._number)
        time.sleep(self._seconds)
        self._cluster.restart_volume(self._number)
        self.back = time.monotonic()

    def end(self) -> None:
        if self._thread.ident is None:
            raise Wrong("the sync was over before a server was killed")
        self._thread.join()


def _sync(run: Callable[[Trouble | None], SyncReport], trouble: Trouble | None = None) -> tuple[SyncReport, float]:
    """The report of one sync; what ended it early is in `stopped`."""
    started = time.monotonic()
    try:
        report = run(trouble)
    except TimetraceError as error:
        report = SyncReport(stopped=str(error))
    return report, time.monotonic() - started


def trial(
    direction: str,
    store: S3Store,
    folder: Path,
    whole: dict[str, str],
    trouble: Trouble,
    calm: float,
) -> Outcome:
    """Wrong if anything is torn, if something is missing and not named, or if further syncs do not complete it."""

    def run(on_result: Trouble | None) -> SyncReport:
        sync = store.sync_upload if direction == "up" else store.sync_download
        return sync(folder, on_result=on_result)

    def there() -> dict[str, str]:
        return stored(store) if direction == "up" else local(folder)[0]

    report, seconds = _sync(run, trouble)
    ended = time.monotonic()
    trouble.end()
    found = there()
    if bad := torn(found, whole):
        raise Wrong(f"sync {direction}: torn: {bad}")
    lacking, named = whole.keys() - found.keys(), {item.key for item in report.failed}
    if lacking - named and not report.stopped:
        raise Wrong(f"sync {direction}: missing and not named: {sorted(lacking - named)}")
    if report.ok and lacking:
        raise Wrong(f"sync {direction}: it said that all was well, and {len(lacking)} were missing")
    stopped, syncs = report.stopped, 1
    while not report.ok:
        if syncs == MOST:
            raise Wrong(
                f"sync {direction}: not complete after {syncs} syncs: {report.stopped or report.failed[0].reason}"
            )
        time.sleep(2)
        report, _ = _sync(run)
        syncs += 1
    if there() != whole:
        raise Wrong(f"sync {direction}: not equal after {syncs} syncs that ended well")
    return Outcome(direction, len(whole), seconds, calm, len(named), len(lacking), syncs, stopped, trouble.back < ended)


def both_ways(
    cluster: Cluster, folder: Path, count: int, away: float, say: Callable[[object], object]
) -> list[Outcome]:
    """A sync up and one down, each with another volume server killed after a third, for `away` seconds."""
    server = cluster.server
    server.make_bucket(BUCKET)
    source, target = folder / "source", folder / "target"
    work.make(source, count)
    whole = local(source)[0]

    def store(prefix: str) -> S3Store:
        return S3Store(config(server, BUCKET, prefix))

    outcomes = []
    with store("calm") as calm, store("trouble") as troubled:
        seconds = calm.sync_upload(source).seconds
        outcomes.append(trial("up", troubled, source, whole, Trouble(cluster, 0, count // 3, away), seconds))
        say(outcomes[-1])
        # Only now: what the server lacked until it came back must be there for those that read.
        seconds = calm.sync_download(folder / "calm").seconds
        outcomes.append(trial("down", troubled, target, whole, Trouble(cluster, 1, count // 3, away), seconds))
        say(outcomes[-1])
    shutil.rmtree(target)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/cluster", description="Sync with a SeaweedFS cluster that loses a node meanwhile."
    )
    parser.add_argument("--cassettes", type=int, default=5000, help="how many files a sync has (5000)")
    parser.add_argument("--away", type=float, default=0.5, help="seconds until the server is started again (0.5)")
    given = parser.parse_args()
    print(f"{surroundings()}; three volume servers, every object on two of them", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="timetrace-cluster-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            (folder / "cluster").mkdir()
            with seaweedfs_cluster.start(folder / "cluster") as cluster:
                both_ways(cluster, folder, given.cassettes, given.away, lambda told: print(told, flush=True))
    except cache.UnavailableError as error:
        give_up(error)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        raise SystemExit(f"WRONG: {wrong}") from None
