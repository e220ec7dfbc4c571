"""How long a night takes: extract, features, scores with reasons, values, recommendations, published.

    python -m benchmarks.nightly [ACCOUNTS …] [--orders 10] [--workers 1 2 4] [--home FOLDER]

Each size has a database of its own, kept between runs. The lake is built from nothing each time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import mark, table
from benchmarks.services import HOME, own_services

GOAL_SECONDS, GOAL_MEMORY, GOAL_ACCOUNTS = 300, 4_096, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000], metavar="ACCOUNTS")
    parser.add_argument("--orders", type=int, default=10, help="an account, of five lines each")
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args()
    own_services(asked.home)
    rows = [
        (size, workers, _measured(size, asked.orders, workers))
        for size in sorted(asked.sizes)
        for workers in asked.workers
    ]
    for line in _lines(rows):
        print(line)


def _measured(accounts: int, orders: int, workers: int) -> dict[str, Any]:
    os.environ["BENCH_DATABASE"] = f"sextant_night_{accounts}"
    os.environ["CELERY_QUEUE"] = f"night-{accounts}-{workers}"
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "night.json"
        command = [sys.executable, "-m", "benchmarks.night", str(accounts), str(orders), str(workers)]
        subprocess.run([*command, str(answer)], check=True)
        measured: dict[str, Any] = json.loads(answer.read_text())
        return measured


def _lines(rows: list[tuple[int, int, dict[str, Any]]]) -> list[str]:
    phases = list(dict.fromkeys(phase for _s, _w, night in rows for phase in night["phase_seconds"]))
    head = ("accounts", "order lines", "workers", "seconds", "MB", *phases, "load before")
    cells = []
    for size, workers, night in rows:
        is_goal = size == GOAL_ACCOUNTS
        ok = f" {mark(night['seconds'] <= GOAL_SECONDS)}" if is_goal else ""
        fits = f" {mark(night['peak_mb'] <= GOAL_MEMORY)}" if is_goal else ""
        by_phase = [
            f"{night['phase_seconds'].get(p, 0):.0f} s, {night['phase_peak_mb'].get(p, 0):,.0f} MB"
            for p in phases
        ]
        cells.append(
            (
                f"{size:,}", f"{night['lines']:,}", str(workers), f"{night['seconds']:.0f}{ok}",
                f"{night['peak_mb']:,.0f}{fits}", *by_phase, night["load"],
            )
        )  # fmt: skip
    return [
        "",
        *table(head, cells),
        "",
        "Phases are worker-seconds; MB is the PSS of all workers at its peak.",
    ]


if __name__ == "__main__":
    main()
