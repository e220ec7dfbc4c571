"""`python -m benchmarks.imports [ACCOUNTS] [--lines N] [--new-accounts N] [--home FOLDER]`

Imports files into a database of its own with that many accounts and 1.25 million order lines, and prints
how fast, as a share of one plain `INSERT … SELECT` of the same rows in the same run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.services import HOME, own_services


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("accounts", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--new-accounts", type=int, default=100_000)
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args()
    home = asked.home.resolve()
    own_services(home, database=f"sextant_bench_import_{asked.accounts}")
    sizes = [str(number) for number in (asked.accounts, asked.lines, asked.new_accounts)]
    command = [sys.executable, "-m", "benchmarks.importing", str(home / "importing"), *sizes]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
