from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.services.exchange_rates import RatesRefusedError, read_rates, store_rates

REFUSED = 2
SHOWN = 20


class Command(BaseCommand):
    """Store exchange rates to the reporting currency from lines of `currency,day,rate`: all or none.

    Ends with 2 when something is wrong with a line; nothing is stored then. Running it again with the
    same lines changes nothing.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="a CSV file, or - for what is piped in")
        parser.add_argument("--source", default="", help="where the rates come from, such as ECB")
        parser.add_argument("--replace", action="store_true", help="overwrite rates of the same day")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rates = read_rates(text=_read(options["path"]))
            stored = store_rates(rates=rates, source=options["source"], replace=options["replace"])
        except RatesRefusedError as error:
            lines = [problem.words for problem in error.problems[:SHOWN]]
            raise CommandError("\n".join(["No rate was stored.", *lines]), returncode=REFUSED) from error
        self.stdout.write(
            f"{stored.added} rates added, {stored.replaced} replaced, {stored.unchanged} known already"
        )


def _read(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}", returncode=REFUSED) from error
