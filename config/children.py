"""Processes that never outlive the one that started them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

KEEP_LOG_BYTES = 20 * 2**20
PR_SET_PDEATHSIG = 1


class Child:
    """One process with its own group, whose output goes into a log file."""

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        log: Path | None,
        end_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._end_with = end_with
        self._unfinished = b""
        if log is not None:
            _make_room(log)
            self._seen = log.stat().st_size if log.exists() else 0
        output = log.open("ab") if log is not None else None
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                preexec_fn=self._die_with_parent,  # noqa: PLW1509 - the supervisor has a single thread
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    def _die_with_parent(self) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(self._end_with), 0, 0, 0)

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def send(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """End whatever is left of the group, grandchildren of a dead leader too."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()

    def new_errors(self) -> list[str]:
        """Return the error lines that were logged since the last call."""
        if self.log is None:
            return []
        with self.log.open("rb") as log:
            log.seek(self._seen)
            fresh = self._unfinished + log.read()
            self._seen = log.tell()
        *lines, self._unfinished = fresh.split(b"\n")
        found = (error_in(line.decode(errors="replace")) for line in lines)
        return [error for error in found if error]


def end_all(children: Sequence[Child], *, patience: float = 5.0) -> None:
    """Ask politely, then firmly, then end every process of the groups."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGQUIT, 3.0)):
        for child in reversed(children):
            child.send(number)
        deadline = time.monotonic() + seconds
        while any(child.exit_code is None for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)
    for child in children:
        child.kill_group()


def error_in(line: str) -> str | None:
    """Return what a log line tells the person at the console, or None if it is no error."""
    if not line.startswith("{"):
        return line if line.startswith(("Traceback", "ERROR", "CRITICAL")) else None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if entry.get("level") not in ("error", "critical"):
        return None
    what = str(entry.get("event", "")).partition("\n")[0]
    why = str(entry.get("exception", "")).rstrip().rpartition("\n")[2]
    return ": ".join(part for part in (what, why) if part)


def _make_room(log: Path) -> None:
    if log.exists() and log.stat().st_size > KEEP_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
