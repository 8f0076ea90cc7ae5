"""The commands below `timetrace s3`. Each takes the arguments and returns an exit code."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from timetrace.cli.arguments import STDOUT, Addressed, addressed, config_of, target_file, target_folder, writable
from timetrace.cli.output import ClosedPipeError, Output
from timetrace.cli.reporter import Reporter
from timetrace.errors import ConfigError, DeletionRefusedError, NoSuchUploadError, RequestError
from timetrace.storage import S3Config, S3Store
from timetrace.storage.keys import Patterns
from timetrace.storage.report import SyncItem, SyncReport

TYPE_CHECKING = False  # that of typing would be a slow import

if TYPE_CHECKING:
    from timetrace.s3.listing import ObjectSummary


def run(args: Namespace, out: Output) -> int:
    commands = {
        "upload": upload,
        "download": download,
        "list": list_keys,
        "sync": sync,
        "cat": cat,
        "rm": rm,
        "url": url,
        "cleanup": cleanup,
    }
    with _requests_told(out):
        return commands[args.verb](args, out)


@contextmanager
def _requests_told(out: Output) -> Iterator[None]:
    """With -v, the log of requests goes to stderr."""
    if not out.verbose:
        yield
        return

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            out.note(record.getMessage())

    logger, handler = logging.getLogger("timetrace"), Notes()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _ended(reporter: Reporter) -> int:
    return 0 if reporter.ok else 1


def upload(args: Namespace, out: Output) -> int:
    patterns = Patterns(args.include, args.exclude)
    from timetrace.cli import sources

    found = sources.find(args.paths, args.key, patterns)
    config, keys = addressed(args, [args.key])[0] if args.key is not None else Addressed(config_of(args), [])
    items = [(path, key) for key, path in found.files.items()]
    if keys:
        items = [(items[0][0], keys[0])]
    with S3Store(config) as store, Reporter(out, "sent") as reporter:
        reporter.uri = store.uri
        for left in found.left_out:
            reporter(SyncItem(left.action, "", left.path, reason=left.reason))
        for folder in found.empty:
            out.note(f"timetrace: warning: nothing to send in {folder}: {_none_matches(args)}")
        store.upload_files(
            items,
            compress=args.compress,
            create_only=args.create_only,
            jobs=args.jobs,
            on_result=reporter,
            on_progress=out.begin_progress() if len(items) > 1 else None,
        )
    return _ended(reporter)


def download(args: Namespace, out: Output) -> int:
    groups = addressed(args, args.keys)
    if sum(len(group.keys) for group in groups) == 1:
        return _download_one(groups[0].config, groups[0].keys[0], args, out)
    folder = target_folder(args.output)
    with Reporter(out, "fetched") as reporter:
        for config, keys in groups:
            with S3Store(config) as store:
                reporter.uri = store.uri
                on_progress = out.begin_progress()
                store.download_files(keys, folder, jobs=args.jobs, on_result=reporter, on_progress=on_progress)
                out.end_progress()
    return _ended(reporter)


def _download_one(config: S3Config, key: str, args: Namespace, out: Output) -> int:
    target = target_file(key, args.output)
    with S3Store(config) as store:
        if target == STDOUT:
            if args.json:
                raise ConfigError("-o - prints the content as it is: leave out --json")
            _print_streamed(store, key, out)
            return 0
        with Reporter(out, "fetched") as reporter:
            reporter.uri = store.uri
            path = os.fspath(store.download(key, target))
            reporter(SyncItem("download", key, path, os.stat(path).st_size))
    return _ended(reporter)


def _print_streamed(store: S3Store, key: str, out: Output) -> None:
    if os.name == "nt":
        out.raw(store.read_bytes(key))
        return
    try:
        store.download(key, "/dev/stdout")
    except BrokenPipeError as error:
        raise ClosedPipeError from error


def list_keys(args: Namespace, out: Output) -> int:
    count = total = 0
    with S3Store(config_of(args)) as store:
        for found in store.objects(args.prefix_filter, args.limit):
            count += 1
            total += found.size
            if args.json:
                fields = {"key": found.key, "uri": store.uri(found.key), "size": found.size, "etag": found.etag}
                out.json(action="list", **fields, last_modified=_time(found))
            else:
                out.key(f"{found.size:>10}  {_time(found)}  {found.key}" if args.long else found.key)
    if args.json:
        out.json(action="summary", objects=count, bytes=total)
    return 0


def _time(found: ObjectSummary) -> str:
    return found.last_modified.strftime("%Y-%m-%dT%H:%M:%SZ")


def sync(args: Namespace, out: Output) -> int:
    up = args.direction == "up"
    storing = {name: True for name in ("compress", "create_only") if getattr(args, name)}
    if storing and not up:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in storing)
        raise ConfigError(f"sync down stores nothing in the bucket: leave out {options}, or sync up")
    if not (up or args.dry_run or args.verify):
        writable(args.dir)
    equal = "verified, equal" if args.verify else "skipped as equal"
    reporter = Reporter(out, "sent" if up else "fetched", equal=equal, local=not up, dry_run=args.dry_run, always=True)
    with S3Store(config_of(args)) as store:
        reporter.uri = store.uri
        with reporter:
            do: Callable[..., SyncReport] = store.sync_upload if up else store.sync_download
            try:
                report = do(
                    args.dir,
                    dry_run=args.dry_run,
                    delete=args.delete,
                    force=args.force,
                    include=args.include,
                    exclude=args.exclude,
                    follow_symlinks=args.follow_symlinks,
                    verify=args.verify,
                    jobs=args.jobs,
                    max_errors=args.max_errors,
                    on_result=reporter,
                    on_progress=out.begin_progress(),
                    **storing,
                )
            except DeletionRefusedError as refused:
                for key in refused.keys:
                    reporter.refuse_deletion(key, os.path.join(args.dir, *key.split("/")))
                raise
            reporter.close_with(report)
            if report.ok and not report.transferred + report.skipped:
                source = args.dir if up else store.uri("")
                out.note(f"timetrace: warning: nothing to sync in {source}: {_none_matches(args)}")
    return _ended(reporter)


def _none_matches(args: Namespace) -> str:
    if args.include or args.exclude:
        return "the patterns of --include and --exclude take no name there"
    return "no name there ends in .json, .json.gz, .yaml or .yml"


def cat(args: Namespace, out: Output) -> int:
    if args.json:
        raise ConfigError("cat prints the content as it is: leave out --json")
    config, keys = addressed(args, [args.key])[0]
    with S3Store(config) as store:
        out.raw(store.read_bytes(keys[0]))
    return 0


def rm(args: Namespace, out: Output) -> int:
    groups = addressed(args, args.keys)
    if not args.yes and not _agreed(groups, out):
        out.note("nothing removed")
        return 1
    with Reporter(out, "removed") as reporter:
        for config, keys in groups:
            with S3Store(config) as store:
                reporter.uri = store.uri
                store.delete_files(keys, jobs=args.jobs, on_result=reporter)
    return _ended(reporter)


def _agreed(groups: list[Addressed], out: Output) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("rm asks before it removes, and there is no terminal to ask on: give --yes")
    uris = []
    for config, keys in groups:
        with S3Store(config) as store:
            uris += [store.uri(key) for key in keys]
    return out.ask("remove", uris)


def url(args: Namespace, out: Output) -> int:
    config, keys = addressed(args, [args.key])[0]
    with S3Store(config) as store:
        made = store.presign(keys[0], expires=args.expires)
        if args.json:
            fields = {"key": keys[0], "uri": store.uri(keys[0]), "url": made, "expires": args.expires}
            out.json(action="url", **fields)
            out.json(action="summary", urls=1)
        else:
            out.text(made + "\n")
    return 0


def cleanup(args: Namespace, out: Output) -> int:
    found = failed = 0
    with S3Store(config_of(args)) as store:
        for upload in store.stale_uploads(args.older_than):
            found += 1
            trouble = ""
            if args.yes:
                try:
                    store.abort_upload(upload)
                except NoSuchUploadError:
                    pass  # somebody else did, or completed it
                except RequestError as error:
                    failed += 1
                    trouble = str(error)
                    out.error(trouble)
            if args.json:
                action = "fail" if trouble else "abort" if args.yes else "unfinished"
                fields = {"key": upload.key, "uri": store.uri(upload.key), "upload_id": upload.upload_id}
                out.json(action=action, **fields, initiated=upload.initiated, **({"error": trouble} if trouble else {}))
            elif not trouble:
                out.key(f"{upload.initiated}  {upload.key}  {upload.upload_id}")
    if args.json:
        out.json(action="summary", uploads=found, aborted=found - failed if args.yes else 0, failed=failed)
    elif args.yes:
        out.note(f"{found - failed} aborted" + (f", {failed} failed" if failed else ""))
    else:
        out.note(f"{found} unfinished" + (": nothing was removed, --yes removes them" if found else ""))
    return 1 if failed else 0
