"""Whether more requests at once would get more done: they do while answers come no slower for it. Pure."""

from __future__ import annotations

_SLOWER = 2.5
_RECENT = 1 / 16


class Pace:
    """How long answers take, now and at best, in seconds.

    Where the network is what takes time, all threads wait for it side by side: more of them help. Where the server or
    this process is, answers take longer the more are asked for. Updates from several threads may get lost, which
    costs nothing.
    """

    __slots__ = ("_best", "_recent")

    def __init__(self) -> None:
        self._best = self._recent = 0.0

    def note(self, seconds: float) -> None:
        """One answer took this long."""
        if not self._best or seconds < self._best:
            self._best = seconds
        self._recent += (seconds - self._recent) * _RECENT if self._recent else seconds

    @property
    def is_steady(self) -> bool:
        """Whether answers come about as fast as the fastest did."""
        return self._recent <= self._best * _SLOWER
