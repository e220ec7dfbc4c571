"""What a refresh of the lake costs: whole, without changes, and after 1 % of the rows changed all over.

    python -m benchmarks.lake [ACCOUNTS] [--orders 10] [--home FOLDER]

Processor seconds are those of the refresh itself, without PostgreSQL's. Features over the layered lake
are compared with those over one made anew, in time and to the bit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.report import mark, table
from benchmarks.services import HOME, own_services

GOAL = 0.1  # of a whole refresh
CHANGES = {
    "crm_order": "amount_reporting = amount_reporting + 1",
    "crm_orderline": "quantity = quantity + 1",
    "crm_invoice": "due_at = due_at + interval '1 day'",
    "crm_event": "kind = 'use'",
    "crm_account": "industry = 'other'",
}
# The database is kept, and rows that earlier runs changed have more old versions to read.
UNCHANGED = """
SELECT n FROM generate_series(0, 99) AS n
WHERE n NOT IN (SELECT id % 100 FROM crm_order_past) ORDER BY n LIMIT 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lake", description=__doc__)
    parser.add_argument("accounts", nargs="?", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=10, help="an account, of five lines each")
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args()
    own_services(asked.home)
    os.environ["BENCH_DATABASE"] = f"sextant_lake_{asked.accounts}"
    for line in measure(asked.accounts, asked.orders):
        print(line)


def measure(accounts: int, orders: int) -> list[str]:
    import django  # noqa: PLC0415 - the database is chosen only now

    django.setup()
    from analytics.lake import refresh  # noqa: PLC0415 (needs Django)
    from analytics.lake.folders import lake_folder  # noqa: PLC0415 (needs Django)
    from benchmarks.database import prepare_database  # noqa: PLC0415 (needs Django)

    prepare_database(accounts, orders=accounts * orders)
    shutil.rmtree(lake_folder(), ignore_errors=True)
    rows = [("whole", *_timed(refresh))]
    rows.append(("nothing changed", *_timed(refresh)))
    for round_ in range(1, 6):
        _change(round_)
        rows.append((f"1 % changed, time {round_}", *_timed(refresh)))
    layered = _features()
    shutil.rmtree(lake_folder())
    rows.append(("whole again", *_timed(refresh)))
    anew = _features()
    whole = rows[0][1]
    cells = [
        (name, f"{took:.2f}", f"{took / whole:.1%}", mark(took <= GOAL * whole) if "1 %" in name else "",
         f"{used:.2f}", f"{size:.0f}", str(layers))
        for name, took, used, size, layers in rows
    ]  # fmt: skip
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    same = "equal to the bit" if layered[1] == anew[1] else "DIFFERENT"
    return [
        *table(("refresh", "seconds", "of whole", "≤ 10 %", "processor s", "MB", "layers"), cells),
        "",
        f"Features with layers {layered[0]:.2f} s, without {anew[0]:.2f} s, {same}. Load {load}.",
    ]


def _timed(refresh: Any) -> tuple[float, float, float, int]:
    started, used = time.perf_counter(), time.process_time()
    manifest = refresh()
    took, used = time.perf_counter() - started, time.process_time() - used
    from analytics.lake.folders import lake_folder  # noqa: PLC0415 (needs Django)

    size = sum((lake_folder() / name).stat().st_size for name in manifest.files()) / 2**20
    return took, used, size, sum(len(each.layers) for each in manifest.tables.values())


def _change(round_: int) -> None:
    from django.db import connection  # noqa: PLC0415 (needs Django)

    with connection.cursor() as cursor:
        cursor.execute(UNCHANGED)
        row = cursor.fetchone()
        hundredth = row[0] if row else round_
        for name, change in CHANGES.items():
            cursor.execute(f"UPDATE {name} SET {change} WHERE id %% 100 = %s", [hundredth])
            cursor.execute(f"ANALYZE {name}")


def _features() -> tuple[float, bytes]:
    from analytics import features  # noqa: PLC0415 (needs Django)
    from analytics.lake import open_lake  # noqa: PLC0415 (needs Django)
    from crm.models import Book, Order  # noqa: PLC0415 (needs Django)

    as_of = Order.objects.latest("placed_at").placed_at
    started = time.perf_counter()
    with open_lake() as lake:
        expression = features.compute(lake.tables, book_id=Book.objects.get().pk, as_of=as_of)
        matrix = features.to_matrix(features.collect(expression))
    return time.perf_counter() - started, matrix.values.tobytes()


if __name__ == "__main__":
    main()
