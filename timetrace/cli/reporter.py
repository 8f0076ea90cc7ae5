"""Tells of many files, one by one and in sum."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from timetrace.cli.failures import explain_item
from timetrace.cli.output import ClosedPipeError, Output
from timetrace.cli.progress import size
from timetrace.storage.report import SyncItem, SyncReport, Tally


class Reporter:
    """Use it as a context manager: the sum is told at the end, also of what was cut short.

    `uri` is that of the store at work; `sent` is the word for what was transferred, `equal` for what was not;
    with `local` it is files that are removed.
    """

    def __init__(
        self,
        out: Output,
        sent: str,
        *,
        equal: str = "skipped as equal",
        local: bool = False,
        dry_run: bool = False,
        always: bool = False,
    ) -> None:
        self.uri: Callable[[str], str] = str
        self.ok = True
        self._out = out
        self._sent = sent
        self._equal = equal
        self._local = local
        self._over = False
        self._dry_run = dry_run
        self._always = always
        self._seen = 0
        self._tally = Tally(dry_run=dry_run)
        self._report: SyncReport | None = None

    def __call__(self, item: SyncItem) -> None:
        if self._over:  # told by a thread that an interrupt left behind
            return
        self._seen += 1
        self._tally.add(item)
        if item.action == "skip" and not self._out.as_json:
            return
        uri = self.uri(item.key)
        told = explain_item(item, uri) if item.action in ("fail", "refuse") else ""
        if told:
            self._out.error(told)
        if self._out.as_json:
            self._out.json(**self._fields(item, uri, told))
            return
        would = {"upload": "would send ", "download": "would fetch ", "delete": "would remove "}
        before = would.get(item.action, "") if self._dry_run else ""
        if item.action == "upload":
            self._out.line(f"{before}{item.path} -> {uri}")
        elif item.action == "download":
            self._out.line(f"{before}{uri} -> {item.path}")
        elif item.action == "delete":
            self._out.line(f"{before or 'removed '}{item.path if self._local else uri}")
        elif item.action == "leave out" and self._out.verbose:
            self._out.note(f"left out: {item.path or uri}: {item.reason}")

    def refuse_deletion(self, key: str, path: str) -> None:
        """Tell what would be removed if that were not too much."""
        uri = self.uri(key)
        self._tally.add(SyncItem("refuse", key, path))
        if not self._out.as_json:
            self._out.line(f"would remove {path if self._local else uri}")
            return
        fields = {"path": path} if self._local else {}
        self._out.json(action="refuse", key=key, uri=uri, **fields, error="not removed", type="DeletionRefusedError")

    def close_with(self, report: SyncReport) -> None:
        """Tell this sum at the end: a sync that had to start over has seen items twice, and knows it."""
        self._report = report

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._out.end_progress()
        report = self._tally.report()
        if error is None and self._report:
            report = self._report
        self.ok = report.ok
        if report.stopped:
            self._out.error(report.stopped)
        complete = error is None and not report.stopped
        if isinstance(error, ClosedPipeError):
            return
        if self._out.as_json:
            self._out.json(
                action="summary",
                transferred=report.transferred,
                skipped=report.skipped,
                deleted=report.deleted,
                left_out=report.left_out,
                refused=len(report.refused),
                failed=len(report.failed),
                bytes=report.bytes,
                seconds=round(report.seconds, 3),
                dry_run=report.dry_run,
                complete=complete,
            )
        elif self._seen > 1 or (self._always if complete else self._seen):
            self._out.note(self._sum(report, complete))

    def _sum(self, report: SyncReport, complete: bool) -> str:
        would = "would be " if self._dry_run else ""
        counts = [
            (report.transferred, f"{would}{self._sent} ({size(report.bytes)})"),
            (report.deleted, f"{would}removed"),
            (report.skipped, self._equal),
            (report.left_out, "left out"),
            (len(report.refused), "refused"),
            (len(report.failed), "failed"),
        ]
        told = [f"{count} {what}" for count, what in counts if count] or [f"nothing {would}{self._sent}"]
        return f"{'' if complete else 'stopped early: '}{', '.join(told)} in {report.seconds:.1f} s"

    def _fields(self, item: SyncItem, uri: str, told: str) -> dict[str, object]:
        fields: dict[str, object] = {"action": item.action}
        if item.key:
            fields |= {"key": item.key, "uri": uri}
        if item.path and (self._local or item.action != "delete"):
            fields["path"] = item.path
        if item.action in ("upload", "download", "skip", "verify"):
            fields["size"] = item.size
        if item.action == "leave out":
            fields["reason"] = item.reason
        if told:
            fields |= {"error": told, "type": _kind(item)}
        return fields


def _kind(item: SyncItem) -> str:
    if item.error:
        return type(item.error).__name__
    return "RefusedKeyError" if item.action == "refuse" else "OSError" if not item.key else "Difference"
