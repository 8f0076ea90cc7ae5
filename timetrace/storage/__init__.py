"""Cassettes in S3: `from timetrace.storage import S3Store, S3Config`."""

from typing import TYPE_CHECKING

from timetrace.s3.operations import ObjectStat
from timetrace.storage.config import S3Config
from timetrace.storage.report import SyncItem, SyncReport
from timetrace.storage.store import S3Store

if TYPE_CHECKING:
    from timetrace.s3.listing import ObjectSummary

__all__ = ["ObjectStat", "ObjectSummary", "S3Config", "S3Store", "SyncItem", "SyncReport"]


def __getattr__(name: str) -> object:
    if name != "ObjectSummary":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from timetrace.s3.listing import ObjectSummary  # only listings need it

    return ObjectSummary
