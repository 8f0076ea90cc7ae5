"""From a resolved configuration to objects that can be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from timetrace.s3.client import S3Client
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.storage.config import S3Config, profile_credentials
from timetrace.storage.objects import Objects
from timetrace.storage.parts import Parts

if TYPE_CHECKING:
    from timetrace.s3.transport import Transport

# A large object's parts: enough of them at once to fill a line, few enough to fit a small machine.
PARTS_AT_ONCE = 4


def connect(given: S3Config, config: S3Config, environ: Mapping[str, str]) -> tuple[Objects, Transport]:
    """Sends nothing; `config` is `given`, resolved. MissingDependencyError without urllib3."""
    from timetrace.s3.transport import Transport

    bucket, style = config.bucket or "", config.addressing_style or "auto"
    transport = Transport(
        connect_timeout=config.connect_timeout or 10.0,
        read_timeout=config.read_timeout or 60.0,
        ca_bundle=config.ca_bundle,
        environ=environ,
    )
    client = S3Client(
        bucket,
        region=config.region or "us-east-1",
        resolve=lambda region: resolve_endpoint(
            bucket, region=region, endpoint_url=config.endpoint_url, addressing_style=style
        ),
        credentials=_provider(given, config, environ),
        transport=transport,
        max_attempts=config.max_attempts or 1,
    )
    parts = Parts(
        client,
        threshold=int(config.multipart_threshold or 0),
        part_size=int(config.part_size or 0),
        concurrency=min(config.max_concurrency or PARTS_AT_ONCE, PARTS_AT_ONCE),
    )
    return Objects(client, config.prefix or "", parts), transport


def _provider(given: S3Config, config: S3Config, environ: Mapping[str, str]) -> Callable[[], Credentials | None]:
    if config.no_sign_request:
        return lambda: None
    renewed = None if given.access_key else profile_credentials(config, environ)
    if renewed is not None:
        return renewed
    static = Credentials(config.access_key or "", config.secret_key or "", config.session_token)
    return lambda: static
