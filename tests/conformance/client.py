"""The protocol's client for what the public interface hides: raw operations, a wrong clock, a proxy's doings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from timetrace.s3.client import S3Client, utc_now
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.transport import Transport
from timetrace.storage import S3Config

Send = Callable[[Request, Headers], Response]


@contextmanager
def client_of(
    config: S3Config,
    *,
    now: Callable[[], datetime] = utc_now,
    between: Callable[[Send], Send] = lambda transport: transport,
) -> Iterator[S3Client]:
    """A client as a store of `config` has one; `between` may wrap its transport. Its keys are whole ones."""
    found = S3Config.from_env(os.environ, **{name: getattr(config, name) for name in config.__slots__})
    given = Credentials(found.access_key or "", found.secret_key or "", found.session_token)
    transport = Transport(connect_timeout=10, read_timeout=60, ca_bundle=found.ca_bundle)
    try:
        yield S3Client(
            found.bucket or "",
            region=found.region or "",
            resolve=lambda region: resolve_endpoint(
                found.bucket or "",
                region=region,
                endpoint_url=found.endpoint_url,
                addressing_style=found.addressing_style or "auto",
            ),
            credentials=lambda: given,
            transport=between(transport),
            max_attempts=2,
            now=now,
        )
    finally:
        transport.close()
