"""Exchange rates: what one unit of a currency was worth on a day."""

from datetime import date
from decimal import Decimal

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable

from crm.models import ExchangeRate


class MissingRateError(LookupError):
    """No rate is known for that pair on that day."""

    def __init__(self, *, base: str, quote: str, on: date) -> None:
        super().__init__(f"There is no exchange rate from {base} to {quote} on {on.isoformat()}.")
        self.base, self.quote, self.on = base, quote, on


def rate_on(base: str, quote: str, date: date) -> Decimal:
    """Return how many `quote` one `base` was worth on a day: the latest rate on or before it.

    :raises MissingRateError: if there is none.
    """
    if base == quote:
        return Decimal(1)
    known = ExchangeRate.objects.filter(base=base, quote=quote, valid_from__lte=date)
    rate = known.order_by("-valid_from").values_list("rate", flat=True).first()
    if rate is None:
        raise MissingRateError(base=base, quote=quote, on=date)
    return rate


def rate_expression(*, base: Composable, quote: Composable, day: Composable) -> Composable:
    """Return the same rule as a SQL expression, null where no rate is known."""
    return SQL(
        "CASE WHEN {base} = {quote} THEN 1 ELSE (SELECT rate FROM crm_exchangerate known"
        " WHERE known.base = {base} AND known.quote = {quote} AND known.valid_from <= {day}"
        " ORDER BY known.valid_from DESC LIMIT 1) END"
    ).format(base=base, quote=quote, day=day)


def require_rates(cursor: CursorWrapper, *, base: str, quote: str, days: Composable) -> None:
    """Check that a rate is known for every day of a set-based write before it begins.

    `days` is a SQL query whose only column is a date. The rate on the first day decides: rates
    hold until the next one.

    :raises MissingRateError: naming the first day without a rate.
    """
    cursor.execute(SQL("SELECT min(day) FROM ({}) AS days (day)").format(days))
    first = cursor.fetchone()[0]
    if first is not None:
        rate_on(base, quote, first)
