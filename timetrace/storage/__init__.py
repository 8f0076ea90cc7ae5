"""Cassettes in S3: `from timetrace.storage import S3Store, S3Config`."""

from timetrace.s3.listing import ObjectSummary
from timetrace.s3.operations import ObjectStat
from timetrace.storage.config import S3Config
from timetrace.storage.report import SyncItem, SyncReport
from timetrace.storage.store import S3Store

__all__ = ["ObjectStat", "ObjectSummary", "S3Config", "S3Store", "SyncItem", "SyncReport"]
