"""Named points at which a worker of a proof kills itself, as the environment says."""

import os
import signal
from collections.abc import Callable
from importlib import import_module
from typing import Any

IMPORTS = "crm.pipelines.imports"
# Module, function, whether before or after it, and which of its calls: batches before are committed.
POINTS: dict[str, tuple[str, str, str, int]] = {
    "staging": (f"{IMPORTS}.staging", "_copy", "after", 1),
    "staged": (f"{IMPORTS}.check_file", "stage_rows", "after", 1),
    "judged": (f"{IMPORTS}.commit_file", "keep_verdicts", "after", 2),
    "before_orders": (f"{IMPORTS}.commit_file", "verdicts_of", "after", 2),
    "after_orders": (f"{IMPORTS}.kinds.orders", "record_inserted", "before", 3),  # two a batch
    "after_lines": (f"{IMPORTS}.commit_file", "_added", "before", 2),
    "before_fence": (f"{IMPORTS}.commit_file", "_move_on", "after", 2),
    "undo_before_fence": ("crm.services.undo", "_remember", "after", 2),
}
# After the fence of a batch, and before its transaction is committed.
FENCES = {"after_fence": "committing", "undo_after_fence": "undoing"}


def arm() -> None:
    """Make this process die at the point that the environment names, if it names one."""
    if batch := os.environ.get("PROOF_BATCH"):
        import_module(f"{IMPORTS}.check_file").ROWS_A_BATCH = int(batch)  # type: ignore[attr-defined]  # a module's
    point = os.environ.get("PROOF_KILL_AT", "")
    if point in POINTS:
        module, name, moment, call = POINTS[point]
        _wrap(import_module(module), name, after=moment == "after", call=call)
    elif point in FENCES:
        job = import_module("crm.services.job_runs").RunningJob
        phase = FENCES[point]
        _wrap(job, "fence", after=True, call=2, counts=lambda self: self._numbers["phase"] == phase)


def _wrap(
    owner: Any, name: str, *, after: bool, call: int, counts: Callable[..., bool] = lambda *_: True
) -> None:
    original = getattr(owner, name)
    calls = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += counts(*arguments)
        is_due = calls == call and counts(*arguments)
        if is_due and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*arguments, **named)
        if is_due and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)
