"""What a sync may be told to do."""

from __future__ import annotations

from dataclasses import dataclass

from timetrace.errors import ConfigError
from timetrace.storage.patterns import CASSETTES, Patterns


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The options of `sync_upload` and `sync_download`, which document them."""

    dry_run: bool = False
    follow_symlinks: bool = False
    delete: bool = False
    force: bool = False
    verify: bool = False
    compress: bool = False
    create_only: bool = False
    max_errors: int | None = None
    patterns: Patterns = CASSETTES

    def __post_init__(self) -> None:
        if self.max_errors is not None and self.max_errors < 1:
            raise ConfigError(f"max_errors is {self.max_errors}: it must be 1 or more, or left out for no end")
        if self.verify and (self.delete or self.dry_run or self.create_only):
            raise ConfigError("verify only reads and compares: leave out delete, dry_run and create_only")
        if self.create_only and self.delete:
            raise ConfigError("create_only and delete contradict each other: leave one out")
