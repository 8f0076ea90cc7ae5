"""S3Store: cassettes in a bucket, by keys relative to a prefix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from timetrace.errors import ConfigError, InvalidKeyError, RefusedKeyError, TimetraceError
from timetrace.s3.operations import GetObject, ObjectStat
from timetrace.s3.sigv4 import MAX_EXPIRES
from timetrace.storage import content, keys
from timetrace.storage.config import MAX_CONCURRENCY, S3Config, resolve
from timetrace.storage.connect import connect
from timetrace.storage.partial import open_target
from timetrace.storage.report import Action, OnProgress, OnResult, SyncItem, SyncReport, Tally

if TYPE_CHECKING:
    from timetrace.s3.listing import ObjectSummary
    from timetrace.s3.multipart import Upload
    from timetrace.storage.content import Content
    from timetrace.storage.mirror import Mirror, SyncOptions
    from timetrace.storage.workers import Threads

# What only some commands need is imported where it is used: a start takes as long as several requests.
PathLike = str | os.PathLike[str]
Job = TypeVar("Job")

# A few more than a server near by keeps busy on two cores; more than that help only if they wait for a far one.
THREADS = 16
MAX_THREADS = 128


class S3Store:
    """Cassettes in one bucket. Safe to share between threads; close it, or use it as a context manager.

    What `config` leaves None comes from the environment, a profile or the defaults, in this order; ConfigError
    for what is malformed or missing. Every method may raise a RequestError of `timetrace.errors`; keys are
    relative to the prefix, in and out.
    """

    def __init__(self, config: S3Config | None = None) -> None:
        environ = dict(os.environ)
        resolved = resolve(config or S3Config(), environ)
        self.config = resolved
        self.bucket = resolved.bucket or ""
        self.prefix = resolved.prefix or ""
        self._objects, self._transport = connect(config or S3Config(), resolved, environ)

    def __enter__(self) -> S3Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"S3Store({self.uri('')!r})"

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def uri(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self.bucket}/{keys.join(self.prefix, key)}"

    # One cassette

    def upload(self, path: PathLike, remote_key: str | None = None) -> str:
        """Store the file at `path` and return its key.

        Without `remote_key` that is the file's name, below its folder's name if this is a date
        (`2026-01-15/POST__checkout.json`). FileNotFoundError and other OSErrors as open() has them.
        """
        place = os.fspath(path)
        if os.path.isdir(place):
            raise IsADirectoryError(f"{place} is a folder: sync_upload takes folders")
        key = keys.default_key(Path(os.path.abspath(place)).parts) if remote_key is None else remote_key
        full = self._objects.full(key)
        self._objects.put(full, self._objects.load(place, os.stat(place).st_size))
        return key

    def download(self, key: str, local_path: PathLike | None = None) -> Path:
        """Fetch a cassette into the file `local_path` and return its path.

        The file appears whole or not at all; missing parent folders are made. Without `local_path` it is the
        last part of `key`, in the current folder. NoSuchKeyError, IntegrityError, RefusedKeyError.
        """
        full = self._objects.full(key)
        if local_path is None:
            name = key.rpartition("/")[2]
            if reason := keys.refusal(name, windows=os.name == "nt"):
                raise RefusedKeyError(f"{key} has no safe file name ({reason}): give a path for it")
            local_path = name
        with open_target(local_path) as target:
            self._objects.get(full, target)
            target.commit()
        return Path(local_path)

    def read(self, key: str) -> Any:
        """The value of a JSON cassette (`.json`, or gzipped with `.gz`); CassetteError says where it is broken."""
        from timetrace.storage import cassettes

        return cassettes.decode(key, self.read_bytes(key))

    def write(self, key: str, data: Any) -> str:
        """Store `data` as JSON (gzipped if `key` ends in `.gz`) and return the key; CassetteError if it is none."""
        from timetrace.storage import cassettes

        return self.write_bytes(key, cassettes.encode(key, data))

    def read_bytes(self, key: str) -> bytes:
        """The content as it is stored."""
        return self._objects.read(self._objects.full(key))

    def write_bytes(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        """Store `data` as it is and return the key. The content type is made from the key's name if left out."""
        full = self._objects.full(key)
        self._objects.put(full, content.content_of(bytes(data)), content_type)
        return key

    def stat(self, key: str) -> ObjectStat:
        """Size in bytes, ETag, time, content type and metadata; NoSuchKeyError if there is no such object."""
        return self._relative(self._objects.stat(self._objects.full(key)), key)

    def exists(self, key: str) -> bool:
        """False only if the server says that the key is missing; every other trouble raises."""
        return self._objects.exists(self._objects.full(key))

    def delete(self, key: str) -> None:
        """Delete the object. S3 does not tell whether there was one."""
        self._objects.delete(self._objects.full(key))

    def presign(self, key: str, *, expires: int = 3600) -> str:
        """A URL that gets the object without credentials for `expires` seconds: 1 to 604,800 (7 days)."""
        if not 1 <= expires <= MAX_EXPIRES:
            raise ConfigError(f"expires is {expires} seconds: S3 allows 1 to {MAX_EXPIRES} (7 days)")
        return self._objects.client.presign(GetObject(self._objects.full(key)), expires)

    # Many cassettes

    def list(self, prefix: str = "", limit: int | None = None) -> Iterator[str]:
        """The keys that begin with `prefix`, in the server's order: all of them, or `limit`."""
        return (found.key for found in self.objects(prefix, limit))

    def objects(self, prefix: str = "", limit: int | None = None) -> Iterator[ObjectSummary]:
        """Key, size in bytes, ETag and time of what `list` gives. Markers of folders are left out."""
        if limit is not None and limit < 0:
            raise ConfigError(f"limit is {limit}: it must not be negative")
        return self._listed(keys.join(self.prefix, prefix), limit)

    def _listed(self, full_prefix: str, limit: int | None) -> Iterator[ObjectSummary]:
        from timetrace.s3.listing import ObjectSummary

        cut = len(keys.join(self.prefix, ""))
        for key, size, etag, modified in self._objects.listed(full_prefix, limit):
            if len(key) > cut:
                yield ObjectSummary(key[cut:], size, etag, modified)

    def upload_files(
        self,
        items: Iterable[tuple[PathLike, str]],
        *,
        compress: bool = False,
        create_only: bool = False,
        jobs: int | None = None,
        on_result: OnResult | None = None,
        on_progress: OnProgress | None = None,
    ) -> SyncReport:
        """Store files given as (path, key), many at once. One that fails does not stop the others.

        The options are those of `sync_upload`; with `create_only` a key that exists fails.
        """
        put: Callable[[str, Content], object] = self._objects.put
        if create_only:
            from timetrace.storage.guards import Creator

            put = Creator(self._objects).put

        def send(item: tuple[PathLike, str]) -> SyncItem:
            path, key = os.fspath(item[0]), item[1]
            full = self._objects.full(key)
            loaded = self._objects.load(path, os.stat(path).st_size, compress=compress)
            put(full, loaded)
            return SyncItem("upload", key, path, loaded.stored.size)

        tally = Tally(on_result, on_progress=on_progress)
        return self._each(items, send, lambda item: SyncItem("fail", item[1], os.fspath(item[0])), tally, jobs)

    def download_files(
        self,
        names: Iterable[str],
        local_dir: PathLike = ".",
        *,
        jobs: int | None = None,
        on_result: OnResult | None = None,
        on_progress: OnProgress | None = None,
    ) -> SyncReport:
        """Fetch the cassettes `names` into a folder, at their keys' relative paths, many at once."""
        from timetrace.storage.folder import Folder

        root = os.fspath(local_dir)
        with Folder(root) as folder:

            def fetch(key: str) -> SyncItem:
                full = self._objects.full(key)
                if reason := folder.refusal(key):
                    raise RefusedKeyError(reason)
                with folder.create(key) as target:
                    size = self._objects.get(full, target)
                    target.commit()
                return SyncItem("download", key, os.path.join(root, *key.split("/")), size or 0)

            tally = Tally(on_result, on_progress=on_progress)
            return self._each(names, fetch, lambda key: SyncItem("fail", key, root), tally, jobs)

    def delete_files(
        self, names: Iterable[str], *, jobs: int | None = None, on_result: OnResult | None = None
    ) -> SyncReport:
        """Delete the objects `names`, a thousand a request; one by one where the server cannot do that."""
        from timetrace.storage.deletion import Deleter, batches

        wanted, tally = [*dict.fromkeys(names)], Tally(on_result)
        deleter = Deleter(self._objects, singly=len(wanted) == 1)

        def remove(batch: Sequence[str]) -> None:
            full_keys: dict[str, str] = {}
            for key in batch:
                try:
                    full_keys[self._objects.full(key)] = key
                except InvalidKeyError as error:
                    tally.add(SyncItem("fail", key, reason=str(error), error=error))
            for full, trouble in deleter.delete([*full_keys]):
                action: Action = "fail" if trouble else "delete"
                tally.add(SyncItem(action, full_keys[full], reason=str(trouble or ""), error=trouble))

        self._threads(jobs).run_all(batches(wanted), remove)
        return tally.report()

    def stale_uploads(self, older_than: timedelta = timedelta(days=1)) -> Iterator[Upload]:
        """Multipart uploads that were begun so long ago and neither completed nor aborted."""
        from timetrace.s3.client import utc_now
        from timetrace.storage.parts import begun_before

        below = keys.join(self.prefix, "")
        for upload in begun_before(self._objects.client, below, utc_now() - older_than):
            yield upload._replace(key=self._objects.relative(upload.key))

    def abort_upload(self, upload: Upload) -> None:
        """Remove the parts of one that `stale_uploads` gave. NoSuchUploadError if it has ended meanwhile."""
        from timetrace.s3.multipart import AbortMultipartUpload

        self._objects.client.perform(AbortMultipartUpload(self._objects.full(upload.key), upload.upload_id))

    def sync_upload(
        self,
        local_dir: PathLike,
        remote_prefix: str = "",
        *,
        dry_run: bool = False,
        delete: bool = False,
        force: bool = False,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        follow_symlinks: bool = False,
        compress: bool = False,
        create_only: bool = False,
        verify: bool = False,
        jobs: int | None = None,
        max_errors: int | None = None,
        on_result: OnResult | None = None,
        on_progress: OnProgress | None = None,
    ) -> SyncReport:
        """Store all cassettes below `local_dir` that the bucket lacks or holds otherwise.

        Content decides, never times. A file that fails is in the report and does not stop the others;
        FileNotFoundError and NotADirectoryError for the folder itself, RequestError if nothing can go on.

        `delete` removes cassettes from the bucket that the folder lacks, at the end and only if all went well;
        DeletionRefusedError, unless `force`, if the folder has none at all or more would go than stay. `include`
        replaces the default globs; what `exclude` matches is left alone on both sides. `compress` stores gzip;
        `create_only` never replaces an object; `verify` copies nothing, reads everything on both sides and compares.
        `jobs` is how many files are on their way at once (None: as many as the connection is good for).
        """
        from timetrace.storage.keys import Patterns
        from timetrace.storage.mirror import SyncOptions
        from timetrace.storage.mirror_up import Upload

        root = os.fspath(local_dir)
        if not os.path.isdir(root):
            kind = NotADirectoryError if os.path.exists(root) else FileNotFoundError
            raise kind(f"{root} is no folder" if kind is NotADirectoryError else f"there is no folder {root}")
        options = SyncOptions(
            dry_run=dry_run,
            follow_symlinks=follow_symlinks,
            delete=delete,
            force=force,
            verify=verify,
            compress=compress,
            create_only=create_only,
            max_errors=max_errors,
            patterns=Patterns(include, exclude),
        ).checked()
        return self._mirror(Upload, root, remote_prefix, options, jobs, on_result, on_progress)

    def sync_download(
        self,
        local_dir: PathLike,
        remote_prefix: str = "",
        *,
        dry_run: bool = False,
        delete: bool = False,
        force: bool = False,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        follow_symlinks: bool = False,
        verify: bool = False,
        jobs: int | None = None,
        max_errors: int | None = None,
        on_result: OnResult | None = None,
        on_progress: OnProgress | None = None,
    ) -> SyncReport:
        """Fetch all cassettes that `local_dir` lacks or holds otherwise; the folder is made if it is missing.

        No key leaves the folder: one that would is refused, named in the report, and does not stop the others.
        The options are those of `sync_upload`; `delete` removes cassettes from the folder that the bucket lacks.
        """
        from timetrace.storage.keys import Patterns
        from timetrace.storage.mirror import SyncOptions
        from timetrace.storage.mirror_down import Download

        options = SyncOptions(
            dry_run=dry_run,
            follow_symlinks=follow_symlinks,
            delete=delete,
            force=force,
            verify=verify,
            max_errors=max_errors,
            patterns=Patterns(include, exclude),
        ).checked()
        return self._mirror(Download, os.fspath(local_dir), remote_prefix, options, jobs, on_result, on_progress)

    def _mirror(
        self,
        direction: type[Mirror],
        root: str,
        remote_prefix: str,
        options: SyncOptions,
        jobs: int | None,
        on_result: OnResult | None,
        on_progress: OnProgress | None,
    ) -> SyncReport:
        below = keys.join(self.prefix, keys.join(remote_prefix.removesuffix("/"), ""))
        tally = Tally(on_result, on_progress=on_progress, dry_run=options.dry_run, max_errors=options.max_errors)
        threads = self._threads(jobs)
        direction(self._objects, root, below, tally, threads, options).run()
        return tally.report()

    def _threads(self, jobs: int | None = None) -> Threads:
        """How many: as was asked for, else a few, and more where these wait for a far server."""
        from timetrace.storage.workers import Threads

        if jobs is not None and not 1 <= jobs <= MAX_CONCURRENCY:
            raise ConfigError(f"jobs is {jobs}: it must be a whole number from 1 to {MAX_CONCURRENCY}")
        pace = self._objects.client.pace
        if wanted := jobs or self.config.max_concurrency:
            return Threads(wanted, wanted, lambda: False)
        return Threads(THREADS, MAX_THREADS, lambda: pace.is_steady)

    def _each(
        self,
        items: Iterable[Job],
        work: Callable[[Job], SyncItem],
        named: Callable[[Job], SyncItem],
        tally: Tally,
        jobs: int | None,
    ) -> SyncReport:
        from timetrace.storage.workers import is_fatal

        if tally.on_progress:
            items = [*items]
            tally.plan(len(items))
            tally.complete_plan()

        def guarded(item: Job) -> None:
            try:
                tally.add(work(item))
            except (OSError, TimetraceError) as error:
                if is_fatal(error):
                    raise
                failed = named(item)
                action: Action = "refuse" if isinstance(error, RefusedKeyError) else "fail"
                tally.add(SyncItem(action, failed.key, failed.path, reason=str(error), error=error))

        self._threads(jobs).run_all(items, guarded)
        return tally.report()

    def _relative(self, stat: ObjectStat, key: str) -> ObjectStat:
        return stat._replace(key=key)
