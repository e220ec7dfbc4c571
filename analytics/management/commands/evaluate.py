from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

if TYPE_CHECKING:
    import pandas as pd

Options = Mapping[str, Any]
LARGE = 100_000  # rows from which it is said what takes long


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
        from analytics.pipelines.evaluation.reading import BadInput, read_table  # noqa: PLC0415

        try:
            table, notes = read_table(options["file"])
            if len(table) > LARGE:
                self._say(f"{len(table):,} rows: the folds and the other methods take minutes.")
            result = RUNNERS[options["kind"]](table, options, self._progress)
        except BadInput as error:
            raise CommandError(" ".join(str(error).split()), returncode=2) from error
        result["warnings"] = [each.sentence for each in notes] + list(result.get("warnings", []))
        self._write(options["kind"], result, as_json=options["json"])

    def _write(self, kind: str, result: dict[str, Any], *, as_json: bool) -> None:
        from analytics.pipelines.evaluation.report import as_lines, plain  # noqa: PLC0415

        result = plain(result)
        if as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False, indent=1))
            return
        for line in as_lines(kind, result):
            self.stdout.write(line)

    def _progress(self, what: str, done: int, total: int) -> None:
        self._say(f"{what}: {done} of {total}" if done else what)

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)


def _day(text: str | None) -> pd.Timestamp | None:
    """Read a day.

    :raises BadInput: when it is none.
    """
    import pandas as pd  # noqa: PLC0415

    from analytics.pipelines.evaluation.reading import BadInput  # noqa: PLC0415

    try:
        return None if text is None else pd.Timestamp(date.fromisoformat(text.strip()))
    except ValueError as error:
        raise BadInput("bad_date", value=text) from error


def _check_output(path: Path | None) -> None:
    """Refuse a place that can't be written to before minutes of work, not after them.

    :raises BadInput: naming why.
    """
    from analytics.pipelines.evaluation.reading import BadInput  # noqa: PLC0415

    if path is None:
        return
    try:
        path.open("a").close()
    except OSError as error:
        raise BadInput("no_output", path=path, reason=error.strerror or str(error)) from error


def _write_predictions(predictions: pd.DataFrame, path: Path | None) -> None:
    if path is not None:
        predictions.to_csv(path, index=False)


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


def _run_outcome(table: pd.DataFrame, options: Options, progress: Any) -> dict[str, Any]:
    from analytics.pipelines.evaluation.outcome import evaluate_outcome  # noqa: PLC0415

    _check_output(options["predictions"])
    names = ("target", "positive", "exclude", "time", "folds", "seed", "cost_fp", "cost_fn")
    found = evaluate_outcome(table, progress=progress, **{name: options[name] for name in names})
    _write_predictions(found.predictions, options["predictions"])
    return found.result


def _run_churn(table: pd.DataFrame, options: Options, progress: Any) -> dict[str, Any]:
    from analytics.pipelines.evaluation.churn import evaluate_churn  # noqa: PLC0415

    _check_output(options["predictions"])
    names = ("account", "date", "amount", "horizon_days", "seed")
    chosen = {name: options[name] for name in names}
    found = evaluate_churn(table, as_of=_day(options["as_of"]), progress=progress, **chosen)
    _write_predictions(found.predictions, options["predictions"])
    return found.result


def _run_value(table: pd.DataFrame, options: Options, _progress: Any) -> dict[str, Any]:
    from analytics.pipelines.evaluation.value import evaluate_value  # noqa: PLC0415

    end = _day(options["calibration_end"])
    chosen = {name: options[name] for name in ("account", "date", "amount")}
    return evaluate_value(table, calibration_end=end, **chosen)


def _run_recommend(table: pd.DataFrame, options: Options, _progress: Any) -> dict[str, Any]:
    from analytics.pipelines.evaluation.recommend import evaluate_recommend  # noqa: PLC0415

    names = ["account", "product", "date", "test_days", "test_share", "new_only", "seed", "quantity"]
    names += ["price", "invoice", "cancel_prefix"]
    return evaluate_recommend(table, **{name: options[name] for name in names})


RUNNERS: dict[str, Callable[[Any, Options, Any], dict[str, Any]]] = {
    "outcome": _run_outcome,
    "churn": _run_churn,
    "value": _run_value,
    "recommend": _run_recommend,
}
