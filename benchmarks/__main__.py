"""`make bench`: how fast the product answers, as ratios to floors measured in the same run.

    python -m benchmarks [SIZE …] [--home FOLDER] [--short]

Nothing here imports Django: each size has a process of its own for what needs it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Effort, measure
from benchmarks.report import SizeReport, growth_lines
from benchmarks.server import web_server
from benchmarks.services import HOME, own_services

RESULTS = Path(__file__).resolve().parent / "results"
SHORT = Effort(rounds=3, clients=2, client_rounds=1, client_seconds=0.1, warm_up_seconds=0.05)


def main(arguments: list[str] | None = None) -> Path:
    asked = _asked(arguments)
    own_services(asked.home)
    effort = SHORT if asked.short else Effort()
    reports = [_measure_size(size, asked.home, effort) for size in sorted(set(asked.sizes))]
    for line in growth_lines(reports):
        print(line)
    written = _write(reports, effort, asked.results)
    print(f"\nAll figures: {written}")
    return written


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000], metavar="ACCOUNTS")
    parser.add_argument("--home", type=Path, default=HOME)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--short", action="store_true", help="see that it works; the figures mean nothing")
    return parser.parse_args(arguments)


def _measure_size(accounts: int, home: Path, effort: Effort) -> SizeReport:
    print(f"\n{accounts:,} accounts", flush=True)
    os.environ["BENCH_DATABASE"] = f"sextant_bench_{accounts}"
    prepared = _prepare(accounts)
    report = SizeReport(accounts, prepared["generated"], prepared["publishing"])
    with web_server(home.resolve() / "logs" / "bench-web.log") as server:
        for measured in measure(server, prepared, effort):
            print(f"  {measured.name}: {measured.ratio:.2f} × {measured.floor}", flush=True)
            report.measured.append(measured)
        report.memory = server.memory()
    for line in report.lines():
        print(line)
    return report


def _prepare(accounts: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "prepared.json"
        subprocess.run([sys.executable, "-m", "benchmarks.prepare", str(accounts), str(answer)], check=True)
        prepared: dict[str, Any] = json.loads(answer.read_text())
        return prepared


def _write(reports: list[SizeReport], effort: Effort, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    file = folder / f"{now:%Y-%m-%dT%H-%M-%S}.json"
    conditions = {"at": now.isoformat(), "cores": os.cpu_count(), "load": os.getloadavg(), **asdict(effort)}
    sizes = [report.as_json() for report in reports]
    file.write_text(json.dumps({"conditions": conditions, "sizes": sizes}, indent=1))
    return file


if __name__ == "__main__":
    main()
