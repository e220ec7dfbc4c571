from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.services.generation import DatabaseNotEmptyError, Size, generate


class Command(BaseCommand):
    """Fill an empty database with made-up accounts, orders of five lines, events and scores."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accounts", type=int, required=True)
        parser.add_argument("--orders", type=int, required=True)
        parser.add_argument("--events", type=int, default=0)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, accounts: int, orders: int, events: int, seed: int, **options: Any) -> None:
        if accounts < 1 or orders < 0 or events < 0:
            raise CommandError("--accounts must be at least 1, --orders and --events at least 0.")
        size = Size(accounts=accounts, orders=orders, events=events, seed=seed)
        try:
            figures = generate(size=size, say=self.stderr.write)
        except DatabaseNotEmptyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps({name: round(value, 1) for name, value in figures.items()}))
