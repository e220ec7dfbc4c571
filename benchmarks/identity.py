"""How long it takes to look for duplicates among made-up accounts, and how many planted ones are found.

    python -m benchmarks.identity [ACCOUNTS] [--home FOLDER]

The job runs as a worker runs it: first over everybody, then after one account in a hundred changed.
One account in fifty is a second one of another, spelt otherwise. Each has one contact; some
hundred contacts share each of 9,973 domains, which are too common to tell anybody apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from typing import Any

from benchmarks.services import HOME, own_services

DATABASE = "sextant_bench_identity"
GOAL_SECONDS = 600  # for a million accounts

# Row number decides everything. The second of a pair follows the first: 50 is 49 again.
_ACCOUNTS = """
    INSERT INTO crm_account (book_id, kind, name, industry, country, currency, stage, attributes,
                             website, email, phone, tax_id)
    SELECT %(book)s, 'organisation',
        CASE i %% 4
            WHEN 0 THEN CASE WHEN again THEN upper(plain) || ', Ltd.' ELSE plain || ' Limited' END
            WHEN 1 THEN CASE WHEN again THEN 'MUELLER ' || o || ' SOEHNE'
                             ELSE 'Müller & Söhne ' || o || ' GmbH & Co. KG' END
            WHEN 2 THEN '深圳市' || chr(19968 + o %% 5000) || chr(25500 + o / 5000) || chr(30000 + o %% 700)
                        || CASE WHEN again THEN ' 电子股份有限公司' ELSE '电子有限公司' END
            ELSE CASE WHEN again THEN 'Harrow ' || o || ' (Trading)'
                      ELSE 'Trading Harrow ' || o || ' S.A.R.L.' END
        END,
        'retail', (ARRAY['GB','DE','CN','FR'])[1 + i %% 4], 'GBP', 'customer', '{}',
        CASE WHEN i %% 4 < 2 THEN 'https://www.firm-' || o || '.example/' ELSE '' END,
        CASE WHEN i %% 3 = 0 THEN 'info@firm-' || o || '.example' ELSE '' END,
        CASE WHEN i %% 5 < 2 THEN CASE WHEN again THEN '+4420' || 30000000 + o
                                       ELSE '+44 (0)20 ' || 30000000 + o END ELSE '' END,
        CASE WHEN i %% 10 < 3 THEN 'GB' || 100000000 + o ELSE '' END
    FROM (
        SELECT i, again, o,
               (ARRAY['Harrow','Juniper','Willow','Copper','Marlowe','Bramble','Foxglove','Hazel','Linden',
                      'Primrose','Thistle','Wren'])[1 + o %% 12] || ' ' ||
               (ARRAY['Trading','Home','Interiors','Supplies','Stores','Wholesale','Living'])[1 + o %% 7]
               || ' ' || o AS plain
        FROM (SELECT n AS number, n %% 50 = 0 AS again,
                     CASE WHEN n %% 50 = 0 THEN n - 1 ELSE n END AS o,
                     CASE WHEN n %% 50 = 0 THEN n - 1 ELSE n END AS i
              FROM generate_series(1, %(accounts)s) AS n) AS planted
        ORDER BY number
    ) AS made
"""
_CONTACTS = """
    INSERT INTO crm_contact (account_id, name, job_title, email, phone, is_simulated)
    SELECT id, 'Contact ' || id, '', 'p' || id || '@mail-' || id % 9973 || '.example', '', true
    FROM crm_account
"""
_FOUND = """
    SELECT count(*) FILTER (WHERE second_id = first_id + 1 AND (second_id - %(before)s) %% 50 = 0), count(*)
    FROM crm_duplicatepair
"""


def measure(accounts: int) -> dict[str, float]:
    from django.db import connection  # noqa: PLC0415 - Django is set up by whoever calls

    before = _fill(accounts)
    first = _look()
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"before": before})
        planted, pairs = cursor.fetchone()
        cursor.execute("UPDATE crm_account SET industry = 'services' WHERE id % 100 = 7")
        cursor.execute("ANALYZE crm_account")
    again = _look()
    return {
        "accounts": accounts,
        "seconds": first["seconds"],
        "processor_seconds": first["processor_seconds"],
        "accounts_per_second": accounts / first["seconds"],
        "keys": first["keys"],
        "pairs": pairs,
        "planted": accounts // 50,
        "planted_found": planted,
        "again_accounts": again["accounts"],
        "again_seconds": again["seconds"],
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _fill(accounts: int) -> int:
    """Make the accounts, one contact each, and return the id before the first."""
    from django.db import connection  # noqa: PLC0415 (needs Django)

    from crm.models import Book  # noqa: PLC0415 (needs Django)

    book = Book.objects.create(code="identity", name="Identity", currency="GBP", score_kinds=[])
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS, {"book": book.pk, "accounts": accounts})
        cursor.execute(_CONTACTS)
        cursor.execute("VACUUM ANALYZE crm_account, crm_contact")
        cursor.execute("SELECT min(id) - 1 FROM crm_account")
        (before,) = cursor.fetchone()
    return int(before)


def _look() -> dict[str, Any]:
    from crm.models import Job  # noqa: PLC0415 (needs Django)
    from crm.pipelines import identity  # noqa: PLC0415 (needs Django)
    from crm.services.jobs import run_job  # noqa: PLC0415 (needs Django)

    job = Job.objects.create(task="crm.find_duplicates", state=Job.State.QUEUED)
    started, worked = time.perf_counter(), _processor_seconds()
    run_job(job.pk, identity.find)
    took, worked = time.perf_counter() - started, _processor_seconds() - worked
    job.refresh_from_db()
    if job.state != Job.State.DONE:
        raise RuntimeError(f"The job ended {job.state}: {job.error}")
    return {**job.result, "seconds": took, "processor_seconds": worked}


def _processor_seconds() -> float:
    """Return what this process and its backend of PostgreSQL have worked so far, on this machine."""
    import psutil  # noqa: PLC0415 (only this process measures)
    from django.db import connection  # noqa: PLC0415 (needs Django)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    times = [psutil.Process(pid).cpu_times() for pid in (os.getpid(), backend)]
    return float(sum(one.user + one.system for one in times))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__)
    parser.add_argument("accounts", nargs="?", type=int, default=100_000)
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args(arguments)
    own_services(asked.home, database=DATABASE)
    _prepare()
    load = os.getloadavg()[0]
    figures = measure(asked.accounts)
    print(f"Load before: {load:.1f}, after: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    for name, value in figures.items():
        print(f"- {name.replace('_', ' ')}: {value:,.0f}")
    scaled = figures["seconds"] * 1_000_000 / asked.accounts
    print(f"A million at this pace: {scaled:,.0f} s, goal {GOAL_SECONDS} s")


def _prepare() -> None:
    import django  # noqa: PLC0415 (needs Django)

    django.setup()

    from django.core.management import call_command  # noqa: PLC0415 (needs Django)

    from benchmarks.database import recreate_database  # noqa: PLC0415 (needs Django)

    recreate_database(DATABASE)
    call_command("migrate", verbosity=0, interactive=False)


if __name__ == "__main__":
    main()
