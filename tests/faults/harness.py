"""Lets one fault befall one operation, and tells what came of it."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tests.bucket import Stored
from tests.faults.faults import Fault
from tests.faults.operations import PREFIX, Operation
from tests.faults.places import PASSWORD, Place
from tests.faults.server import Faulty
from tests.scripted import Scripted, answer
from tests.test_secrets import assert_clean, told_by
from timetrace.s3.client import S3Client
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.transport import Transport
from timetrace.storage import S3Config, S3Store, SyncReport
from timetrace.storage.content import SHA256, hashes_of
from timetrace.storage.objects import Objects
from timetrace.storage.parts import Parts

SECRET = "SECRETmarked/wJalrXUtnFEMI+K7MDENG"
TOKEN = "TOKENmarked/FwoGZXIvYXdzEBYaD+2Q=="
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
ATTEMPTS = 3
RANGE = 40  # bytes; what is larger than one is moved in parts


class Cell(NamedTuple):
    """What came of it: "done" or an error's name, how often the hit request was sent, the seconds slept."""

    outcome: str
    tries: int
    slept: float

    def __str__(self) -> str:
        return f"{self.outcome}, {self.tries} x, {self.slept:g} s"


class _Clock:
    """Stands still but for sleep, which it records."""

    def __init__(self) -> None:
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def now(self) -> float:
        return self.slept


class _Counted:
    """The transport, with a count of the requests that the fault befalls."""

    def __init__(self, transport: Transport, fault: Fault, operation: Operation) -> None:
        self._transport = transport
        self._hits = operation.hits
        self._is_blocked = fault.is_blocked
        self._first: tuple[str, str] | None = None
        self.count = 0

    def __call__(self, request: Request, headers: Headers) -> Response:
        asked = request.method, request.target
        self._first = self._first or asked
        self.count += asked == self._first if self._is_blocked else self._hits(*asked, headers)
        return self._transport(request, headers)


class _Store(S3Store):
    """A store whose pauses take no time, and are as long as they can get."""

    def __init__(self, place: Place, fault: Fault, operation: Operation) -> None:
        super().__init__(
            S3Config("bucket", PREFIX, None, place.url, access_key="AKID", secret_key=SECRET, session_token=TOKEN)
        )
        self.clock = _Clock()
        transport = Transport(
            connect_timeout=fault.patience,
            read_timeout=fault.patience,
            ca_bundle=place.ca_bundle,
            environ=place.environ,
            resolver=place.resolver,
        )
        self.counted = _Counted(transport, fault, operation)
        client = S3Client(
            "bucket",
            region="us-east-1",
            resolve=lambda region: resolve_endpoint("bucket", region=region, endpoint_url=place.url),
            credentials=lambda: Credentials("AKID", SECRET, TOKEN),
            transport=self.counted,
            max_attempts=ATTEMPTS,
            sleep=self.clock.sleep,
            clock=self.clock.now,
            chance=lambda: 1.0,
        )
        parts = Parts(client, threshold=RANGE, part_size=RANGE, concurrency=1)
        self._objects, self._transport = Objects(client, PREFIX, parts), transport


class _Log(logging.Handler):
    """All that anyone logs, at any level."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(f"{record.getMessage()} {vars(record)!r}")


@contextmanager
def _everything_told() -> Iterator[list[str]]:
    """What is logged, and, at its end, what was printed."""
    log, root, printed = _Log(), logging.getLogger(), io.StringIO()
    ours, before = logging.getLogger("timetrace"), root.level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            yield log.told
    finally:
        root.removeHandler(log)
        root.setLevel(before)
        ours.setLevel(logging.NOTSET)
        log.told.append(printed.getvalue())


@contextmanager
def _environ(environ: Mapping[str, str]) -> Iterator[None]:
    """urllib reads the proxies from os.environ."""
    before = {name: os.environ.pop(name) for name in [*os.environ] if name.lower().endswith("_proxy")}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name in environ:
            del os.environ[name]
        os.environ.update(before)


def run(fault: Fault, operation: Operation, folder: Path) -> Cell:
    """AssertionError where a secret, a partial file or a wrong state is left, or a redirect is followed."""
    if not fault.every_cut:
        return _run(fault, operation, folder / "only", 0)[0]
    cell, told = _run(fault, operation, folder / "first", 1)
    # An answer without a body is cut in its head, any other in its body.
    start = told.find(b"\r\n\r\n") + 4
    for offset in range(start if start < len(told) else 2, len(told)):
        other, _ = _run(fault, operation, folder / str(offset), offset)
        assert other == cell, f"cut at {offset} of {told!r}: {other}, and at 1: {cell}"
    return cell


def _run(fault: Fault, operation: Operation, folder: Path, offset: int) -> tuple[Cell, bytes]:
    work, beside = folder / "work", folder / "beside"
    work.mkdir(parents=True)
    beside.mkdir()
    for name, content in operation.files.items():
        (work / name).write_bytes(content)
    bucket = Faulty(
        hits=operation.hits,
        spoil=fault.spoil,
        undone=fault.undone,
        interrupt=fault.interrupt,
        after=fault.after,
        times=fault.times,
        offset=offset,
    )
    for key, content in operation.objects.items():
        bucket.objects[f"{PREFIX}/{key}"] = Stored(content, {f"x-amz-meta-{SHA256}": hashes_of(content).sha256})
    with ExitStack() as stack:
        told = stack.enter_context(_everything_told())
        elsewhere = stack.enter_context(Scripted([answer(headers=['ETag: "e"'])]))
        bucket.elsewhere = f"http://localhost:{elsewhere.port}"
        stack.enter_context(bucket)
        place = stack.enter_context(contextmanager(fault.place)(bucket, beside))
        stack.enter_context(_environ(place.environ))
        cell, texts = _cell(fault, operation, bucket, place, work)
        assert elsewhere.connections == 0, "a redirect was followed"
    signatures = re.findall(r"Signature=([0-9a-f]{64})", "\n".join(received.head for received in bucket.requests))
    assert_clean([*texts, *told], BASIC, *signatures)
    return cell, bucket.told


def _cell(fault: Fault, operation: Operation, bucket: Faulty, place: Place, work: Path) -> tuple[Cell, list[str]]:
    texts: list[str] = []
    with closing(_Store(place, fault, operation)) as store:
        if fault.after:
            store.delete("warm-up")
            store.counted.count = 0
            if fault.after.__name__ in ("_close", "reset"):
                assert bucket.closed.wait(5)
        problem: BaseException | None = None
        report: SyncReport | None = None
        try:
            report = operation.run(store, work)
        except Exception as error:
            problem = error
        tries = store.counted.count
        texts += [repr(store), repr(store.config), repr(report)]
    outcome = "done" if problem is None else type(problem).__name__
    if report and not report.ok:
        [item] = report.failed + report.refused
        problem, outcome = item.error, f"{type(item.error).__name__} of one file"
        texts.append(repr(item))
    if problem:
        texts += told_by(problem)
        assert not isinstance(problem, AssertionError), problem
    _look(operation, bucket, work, problem is None, report)
    return Cell(outcome, tries, round(store.clock.slept, 3)), texts


def _look(operation: Operation, bucket: Faulty, work: Path, done: bool, report: SyncReport | None) -> None:
    held = f"{sorted(bucket.objects)} and the uploads {sorted(bucket.uploads)}"
    assert operation.check(bucket, done), f"done is {done}, and the bucket holds {held}"
    found = {path.relative_to(work).as_posix(): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    expected = {**operation.files, **(operation.fetched if done else {})}
    if operation.is_sync and not done:  # the others, or some of them, whole
        assert found.items() <= {**operation.files, **operation.fetched}.items(), f"the folder holds {sorted(found)}"
        assert not report or "b.json" in found or not operation.fetched
        return
    assert found == expected, f"the folder holds {sorted(found)}"
