"""What a forked child does about locks: threads that held them in the parent are not there to let them go."""

from __future__ import annotations

import os
from threading import Lock
from typing import Protocol
from weakref import WeakSet


class Locked(Protocol):
    """Keeps its lock under this name. What the lock guards may be taken up at any point."""

    _lock: Lock


_watched: WeakSet[Locked] = WeakSet()


def watch(owner: Locked) -> None:
    """Give `owner` a new lock in each child that is forked from now on."""
    _watched.add(owner)


def _renew() -> None:
    for owner in _watched:
        owner._lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
