"""How long it takes from a change to the new score, while changes keep coming and when nothing else happens.

    python -m benchmarks.changes [ACCOUNTS] [--rate 100] [--minutes 5] [--workers 2] [--home FOLDER]

Orders, events, payments and tickets arrive at random accounts, each in a transaction of its own, with
real workers and a real beat at the settings of production. What is timed is from the commit to the
account's payment risk, which is published last of the scores, as of a moment after the change.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import mark, table
from benchmarks.services import HOME, own_services

GOAL_BUSY, GOAL_IDLE = 900, 60  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.changes", description=__doc__)
    parser.add_argument("accounts", nargs="?", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=10, help="an account, of five lines each")
    parser.add_argument("--rate", type=float, default=100.0, help="changes a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--alone", type=int, default=5, help="changes that arrive one by one, afterwards")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args()
    own_services(asked.home, database=f"sextant_night_{asked.accounts}")
    os.environ["CELERY_QUEUE"] = f"changes-{asked.accounts}"
    for line in lines(asked.accounts, measure(asked)):
        print(line)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the database is chosen only now

    django.setup()
    from benchmarks.arriving import follow_changes  # noqa: PLC0415 (needs Django)
    from benchmarks.scored import prepare_scored_book  # noqa: PLC0415 (needs Django)
    from benchmarks.workers import load, start_beat, workers  # noqa: PLC0415 (needs Django)

    prepare_scored_book(asked.accounts, orders=asked.accounts * asked.orders)
    with tempfile.TemporaryDirectory() as folder, workers(asked.workers, Path(folder)) as children:
        beat = start_beat(Path(folder))
        try:
            found = follow_changes(
                asked.accounts,
                rate=asked.rate,
                seconds=asked.minutes * 60,
                alone=asked.alone,
                workers=children,
            )
        finally:
            beat.kill_group()
    return found | {"load": load()}


def lines(accounts: int, found: dict[str, Any]) -> list[str]:
    cells = []
    for name, goal in (("busy", GOAL_BUSY), ("idle", GOAL_IDLE)):
        waits = sorted(found[name])
        if not waits:
            continue
        at_95 = waits[min(len(waits) - 1, int(len(waits) * 0.95))]
        cells.append(
            (
                f"{accounts:,}", name, f"{found['rates'][name]:.1f}", f"{len(waits):,}",
                f"{statistics.median(waits):.1f}", f"{at_95:.1f}", f"{waits[-1]:.1f}",
                f"{goal} {mark(waits[-1] <= goal and not found['lost'])}",
            )
        )  # fmt: skip
    how = (
        f"{found['lost']} changes without a new score. Workers used {found['cpu_seconds']:.0f} processor "
        f"seconds in {found['seconds']:.0f} s. Load at the end {found['load']}."
    )
    return [
        "",
        *table(("accounts", "", "changes/s", "changes", "median s", "p95 s", "max s", "goal"), cells),
        "",
        how,
    ]


if __name__ == "__main__":
    main()
