"""Exchange rates to the reporting currency: reading, storing and deleting them.

How a rate is found for an amount stands in `crm.services.money`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from django.apps import apps
from django.db import models, transaction

from crm.models import ExchangeRate, Organisation
from crm.selectors.currencies import CURRENCIES
from crm.selectors.exchange_rates import RateProblem
from crm.services.organisation import ensure_organisation

COLUMNS = ("currency", "day", "rate")
HEADINGS = {"currency", "base", "from"}  # a first line that begins with one names the columns
STEP = Decimal("1e-10")  # the column's last place
LARGEST = Decimal("1e9")
MOST_LINES = 100_000


class RatesRefusedError(ValueError):
    """Something is wrong with the rates. Nothing was stored."""

    def __init__(self, problems: Sequence[RateProblem]) -> None:
        super().__init__(f"{len(problems)} problems, the first: {problems[0]}")
        self.problems = tuple(problems)


class RateInUseError(Exception):
    """Amounts were converted at this rate, so that it stays."""


@dataclass(frozen=True, slots=True)
class NewRate:
    """One unit of `currency` is worth `rate` of the reporting currency from `day` on."""

    currency: str
    day: date
    rate: Decimal
    line: int = 1  # of the text it was read from

    @property
    def key(self) -> tuple[str, date]:
        return self.currency, self.day


@dataclass(frozen=True, slots=True)
class StoredRates:
    added: int
    replaced: int
    unchanged: int


def read_rates(*, text: str) -> list[NewRate]:
    """Read lines of currency, day and rate, between commas, semicolons or tabs: each line as it is.

    The first line may name the columns, and empty lines are passed over.

    :raises RatesRefusedError: naming line and field of everything that is wrong.
    """
    text = text.removeprefix("\ufeff")
    rates: list[NewRate] = []
    problems: list[RateProblem] = []
    for line, cells, delimiter in _lines(text):
        found = _read_line(line, cells, decimal_comma=delimiter != ",")
        if isinstance(found, NewRate):
            rates.append(found)
        else:
            problems += found
    if not rates and not problems:
        problems = [RateProblem(1, "", "nothing")]
    problems += _doubled(rates)
    if problems:
        raise RatesRefusedError(sorted(problems, key=lambda problem: problem.line))
    return rates


@transaction.atomic
def store_rates(*, rates: Sequence[NewRate], source: str = "", replace: bool = False) -> StoredRates:
    """Store all of the rates or none. Those that are known already are left alone.

    Amounts keep the rate that they were stored with, also when it is replaced here, until the file
    that they came from is imported again.

    :raises RatesRefusedError: when one is of the reporting currency itself, or when another rate is
        known of the same day and `replace` doesn't say that it may be overwritten.
    """
    ensure_organisation()
    # The reporting currency stays what it is meanwhile, and two of these wait for each other.
    quote = Organisation.objects.select_for_update().get(id=1).reporting_currency
    known = {
        (rate.base, rate.valid_from): rate
        for rate in ExchangeRate.objects.filter(quote=quote, base__in={rate.currency for rate in rates})
    }
    problems = list(_refused(rates, known, quote=quote, replace=replace))
    if problems:
        raise RatesRefusedError(problems)
    new = [rate for rate in rates if rate.key not in known]
    other = [rate for rate in rates if rate.key in known and known[rate.key].rate != rate.rate]
    ExchangeRate.objects.bulk_create(
        ExchangeRate(base=rate.currency, quote=quote, valid_from=rate.day, rate=rate.rate, source=source)
        for rate in new
    )
    for rate in other:
        known[rate.key].rate, known[rate.key].source = rate.rate, source
    ExchangeRate.objects.bulk_update(
        [known[rate.key] for rate in other], ["rate", "source"], batch_size=1_000
    )
    return StoredRates(len(new), len(other), len(rates) - len(new) - len(other))


@transaction.atomic
def delete_rate(*, rate: ExchangeRate) -> None:
    """Delete a rate at which no amount was converted.

    :raises RateInUseError: when there is one.
    """
    if is_in_use(rate):
        raise RateInUseError
    rate.delete()


def is_in_use(rate: ExchangeRate) -> bool:
    """Say whether an amount of this currency is stored with just this rate."""
    if rate.quote != ensure_organisation().reporting_currency:
        return False  # the reporting currency changes only while nothing is stored
    converted = {"currency", "rate", "amount_reporting"}
    return any(
        model._default_manager.filter(currency=rate.base, rate=rate.rate).exists()
        for model in apps.get_models()
        if converted <= _columns(model)
    )


def _columns(model: type[models.Model]) -> set[str]:
    return {field.name for field in model._meta.concrete_fields}


def _lines(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Return the number, the cells and the delimiter of every line that says something."""
    is_first = True
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        delimiter = next((one for one in ("\t", ";") if one in line), ",")
        cells = _cells(number, line, delimiter)
        if not any(cells):
            continue
        if not (is_first and cells[0].casefold() in HEADINGS):
            yield number, cells, delimiter
        is_first = False
        if number > MOST_LINES:
            raise RatesRefusedError([RateProblem(number, "", "too_many", str(MOST_LINES))])


def _cells(number: int, line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cells in csv.reader([line], delimiter=delimiter) for cell in cells]
    except csv.Error as error:
        raise RatesRefusedError([RateProblem(number, "", "unreadable")]) from error


def _read_line(line: int, cells: list[str], *, decimal_comma: bool) -> NewRate | list[RateProblem]:
    while len(cells) > len(COLUMNS) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != len(COLUMNS):
        return [RateProblem(line, "", "columns", str(len(cells)))]
    code, day_text, rate_text = cells
    currency, day = code.upper(), _day(day_text)
    rate = parse_rate(rate_text.replace(",", ".") if decimal_comma else rate_text)
    problems = []
    if currency not in CURRENCIES:
        problems.append(RateProblem(line, "currency", "unknown_currency", code))
    if day is None:
        problems.append(RateProblem(line, "day", "not_a_day", day_text))
    if rate is None:
        problems.append(RateProblem(line, "rate", "not_a_rate", rate_text))
    if day is None or rate is None or problems:
        return problems
    return NewRate(currency, day, rate, line)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_rate(text: str) -> Decimal | None:
    """Return a rate as the column holds it, or None for what is no number that can be one."""
    try:
        rate = Decimal(text)
        if not rate.is_finite() or not 0 < rate < LARGEST:
            return None
        rate = rate.quantize(STEP, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return rate if 0 < rate < LARGEST else None


def _doubled(rates: Sequence[NewRate]) -> Iterator[RateProblem]:
    first: dict[tuple[str, date], int] = {}
    for rate in rates:
        line = first.setdefault(rate.key, rate.line)
        if line != rate.line:
            yield RateProblem(rate.line, "day", "doubled", str(line))


def _refused(
    rates: Sequence[NewRate],
    known: dict[tuple[str, date], ExchangeRate],
    *,
    quote: str,
    replace: bool,
) -> Iterator[RateProblem]:
    for rate in rates:
        standing = known.get(rate.key)
        if rate.currency == quote:
            yield RateProblem(rate.line, "currency", "reporting_currency", quote)
        elif standing is not None and standing.rate != rate.rate and not replace:
            yield RateProblem(rate.line, "rate", "another_rate", standing.figure)
