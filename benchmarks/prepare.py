"""What needs Django, in a process of its own for each size.

`python -m benchmarks.prepare ACCOUNTS FILE` writes what the clients have to know as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - models can be imported from here on

from benchmarks.cases import GOALS, make_cases  # noqa: E402 (needs Django)
from benchmarks.database import prepare_database  # noqa: E402 (needs Django)
from benchmarks.publishing import measure_publishing  # noqa: E402 (needs Django)


def main(accounts: int, answer: Path) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    generated = prepare_database(accounts)
    publishing = measure_publishing()
    cases, floors = make_cases()
    prepared = {
        "generated": generated,
        "publishing": publishing,
        "goals": GOALS,
        "floors": {name: floor.as_json() for name, floor in floors.items()},
        "cases": [case.as_json() for case in cases],
    }
    answer.write_text(json.dumps(prepared))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
