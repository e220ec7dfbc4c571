"""How an evaluation says what it is at: to a terminal's error stream, to a job's row, or to nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def __call__(self, what: str, done: int, total: int) -> None: ...


def quiet(what: str, done: int, total: int) -> None:
    """Say nothing."""
