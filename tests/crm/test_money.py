"""Exchange rates: the latest on or before the day, or an error that says what is missing."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from psycopg.sql import SQL, Literal

from crm.models import ExchangeRate
from crm.services.money import MissingRateError, rate_expression, rate_on, require_rates

pytestmark = pytest.mark.django_db


@pytest.fixture
def rates():
    for valid_from, rate in ((date(2026, 1, 1), "0.80"), (date(2026, 6, 1), "0.90")):
        ExchangeRate.objects.create(
            base="EUR", quote="GBP", valid_from=valid_from, rate=Decimal(rate), source="test"
        )


@pytest.mark.parametrize(
    ("day", "rate"),
    [(date(2026, 1, 1), "0.80"), (date(2026, 5, 31), "0.80"), (date(2026, 6, 1), "0.90")],
)
def test_the_latest_rate_on_or_before_the_day_counts(rates, day, rate):
    assert rate_on("EUR", "GBP", day) == Decimal(rate)
    assert in_sql("EUR", "GBP", day) == Decimal(rate)


def test_a_currency_is_worth_itself():
    assert rate_on("GBP", "GBP", date(2026, 1, 1)) == 1
    assert in_sql("GBP", "GBP", date(2026, 1, 1)) == 1


def test_a_missing_rate_is_an_error_naming_pair_and_date(rates):
    with pytest.raises(MissingRateError, match="EUR to GBP on 2025-12-31"):
        rate_on("EUR", "GBP", date(2025, 12, 31))
    assert in_sql("EUR", "GBP", date(2025, 12, 31)) is None


def test_a_set_based_write_is_refused_when_its_first_day_has_no_rate(rates):
    days = SQL("SELECT * FROM unnest(ARRAY['2026-03-01', '2025-11-30']::date[])")

    with connection.cursor() as cursor, pytest.raises(MissingRateError, match="2025-11-30"):
        require_rates(cursor, base="EUR", quote="GBP", days=days)


def in_sql(base, quote, day):
    rate = rate_expression(base=Literal(base), quote=Literal(quote), day=Literal(day))
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT {}").format(rate))
        return cursor.fetchone()[0]
