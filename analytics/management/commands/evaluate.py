from __future__ import annotations

import json
import sys
from argparse import SUPPRESS, ArgumentParser
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

IS_SOURCE = "it is the file that is evaluated"
LARGE, WIDE = 100_000, 300  # rows and columns from which it is said what takes long


class Command(BaseCommand):
    """Hold our scores against what happened, on any file, beside what other methods reach.

    Needs no database, no broker and no worker. Exit code 2 says that the file or the options can't be used.
    """

    help = "Hold our scores against what happened, on any file, beside what other methods reach."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="JSON instead of a table")
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="{outcome,churn,value,recommend}")
        for name, add in (
            ("outcome", _add_outcome),
            ("churn", _add_churn),
            ("value", _add_value),
            ("recommend", _add_recommend),
        ):
            kind = kinds.add_parser(name, help=KIND_HELP[name])
            kind.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet, also packed with gzip")
            kind.add_argument("--json", action="store_true", default=SUPPRESS, help="JSON instead of a table")
            add(kind)

    def handle(self, *args: Any, **options: Any) -> None:
        # Only here: the list of commands need not wait for numeric libraries.
        from analytics.pipelines.evaluation.reading import BadInput, read_table  # noqa: PLC0415 (numeric libraries, read where they are used)
        from analytics.pipelines.evaluation.running import run_evaluation  # noqa: PLC0415 (numeric libraries, read where they are used)

        output: Path | None = options.get("predictions")
        try:
            _check_output(output, options["file"])
            table = read_table(options["file"])
            rows, columns = table.frame.shape
            if rows > LARGE or columns > WIDE:
                self._say(f"{rows:,} rows, {columns} columns: the folds and the other methods take minutes.")
            result, predictions = run_evaluation(options["kind"], table, options, progress=self._progress)
        except BadInput as error:
            raise CommandError(" ".join(str(error).split()), returncode=2) from error
        if output is not None and predictions is not None:
            predictions.to_csv(output, index=False)
        self._write(options["kind"], result, as_json=options["json"])

    def _write(self, kind: str, result: dict[str, Any], *, as_json: bool) -> None:
        from analytics.pipelines.evaluation.report import as_lines  # noqa: PLC0415 (numeric libraries, read where they are used)

        if as_json:
            self.stdout.write(json.dumps(result, allow_nan=False, indent=1))
            return
        if isinstance(sys.stdout, TextIOWrapper):  # letters that a terminal doesn't have appear as codes
            sys.stdout.reconfigure(errors="backslashreplace")
        for line in as_lines(kind, result):
            self.stdout.write(line)

    def _progress(self, what: str, done: int, total: int) -> None:
        self._say(f"{what}: {done} of {total}" if done else what)

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)


def _check_output(path: Path | None, source: Path) -> None:
    """Refuse a place that can't be written to before minutes of work, not after them.

    :raises BadInput: naming why.
    """
    from analytics.pipelines.evaluation.reading import BadInput  # noqa: PLC0415 (numeric libraries, read where they are used)

    if path is None:
        return
    if path.resolve() == source.resolve():
        raise BadInput("no_output", path=path, reason=IS_SOURCE)
    is_new = not path.exists()
    try:
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise BadInput("no_output", path=path, reason=error.strerror or str(error)) from error


KIND_HELP = {
    "outcome": "an outcome in a column of the file",
    "churn": "who stops ordering, from a table of orders",
    "value": "orders and money to come, from a table of orders",
    "recommend": "which products come next, from a table of order lines",
}


def _add_outcome(parser: ArgumentParser) -> None:
    parser.add_argument("--target", required=True, metavar="COL", help="column of the outcome")
    parser.add_argument("--positive", required=True, metavar="VALUE", help="the value that is looked for")
    parser.add_argument("--exclude", action="append", default=[], metavar="COL", help="leave this column out")
    parser.add_argument("--time", metavar="COL", help="test on the last 30 %% by this column")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost-fp", type=float, metavar="X", help="what acting in vain costs")
    parser.add_argument("--cost-fn", type=float, metavar="Y", help="what missing one costs")
    parser.add_argument("--predictions", type=Path, metavar="OUT", help="write each row's probability here")


def _add_orders(parser: ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="COL")
    parser.add_argument("--date", required=True, metavar="COL")


def _add_churn(parser: ArgumentParser) -> None:
    _add_orders(parser)
    parser.add_argument("--amount", required=True, metavar="COL")
    parser.add_argument("--horizon-days", type=int, default=90)
    parser.add_argument("--as-of", metavar="DATE", help="the end of the table; the day after its last order")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--predictions", type=Path, metavar="OUT", help="write each account's probability here"
    )


def _add_value(parser: ArgumentParser) -> None:
    _add_orders(parser)
    parser.add_argument("--amount", metavar="COL")
    parser.add_argument("--calibration-end", required=True, metavar="DATE")


def _add_recommend(parser: ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="COL")
    parser.add_argument("--product", required=True, metavar="COL")
    parser.add_argument("--date", metavar="COL")
    parser.add_argument("--test-days", type=int, default=60)
    parser.add_argument("--test-share", type=float, metavar="SHARE", help="without a date")
    parser.add_argument("--new-only", action="store_true", help="only products new to the account count")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("quantity", "price", "invoice"):
        parser.add_argument(f"--{name}", metavar="COL")
    parser.add_argument("--cancel-prefix", metavar="TEXT", help="how numbers of cancelled invoices begin")
