from __future__ import annotations

from threading import Thread

from timetrace.storage import SyncItem, SyncReport
from timetrace.storage.report import Tally


def test_a_report_sums_up_what_became_of_each_item() -> None:
    told: list[SyncItem] = []
    tally = Tally(told.append)
    refused = SyncItem("refuse", "../x", reason="leads elsewhere")
    failed = SyncItem("fail", "f", "f", error=OSError("broken"))
    items = [
        SyncItem("upload", "a", size=10),
        SyncItem("download", "b", size=5),
        SyncItem("skip", "c", size=100),
        SyncItem("leave out", "d"),
        SyncItem("delete", "e"),
        refused,
        failed,
    ]
    for item in items:
        tally.add(item)
    report = tally.report()
    assert told == items
    assert (report.transferred, report.bytes, report.skipped, report.left_out, report.deleted) == (2, 15, 1, 1, 1)
    assert (report.refused, report.failed) == ((refused,), (failed,))
    assert report.seconds >= 0
    assert not report.ok
    assert not report.dry_run


def test_only_what_was_refused_or_failed_is_not_ok() -> None:
    assert SyncReport(transferred=1, skipped=1, left_out=1).ok
    assert not SyncReport(refused=(SyncItem("refuse", "a"),)).ok
    assert not SyncReport(failed=(SyncItem("fail", "a"),)).ok


def test_a_dry_run_says_so() -> None:
    assert Tally(dry_run=True).report().dry_run


def test_no_item_of_any_thread_is_lost() -> None:
    told: list[SyncItem] = []
    tally = Tally(told.append)

    def add() -> None:
        for _ in range(500):
            tally.add(SyncItem("upload", "a", size=1))

    threads = [Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tally.report().transferred, tally.report().bytes, len(told)) == (4000, 4000, 4000)
