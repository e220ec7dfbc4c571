"""Books of business: the two of the demo, and the organisation that they belong to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL

from crm.models import Book, ExchangeRate, Job, Organisation, Score, User
from crm.services.jobs import enqueue
from crm.services.organisation import ensure_organisation

DEFAULT_SCORE_KINDS = ("churn", "purchase")  # what a book of customers who order is modelled for
IN_ORDER = ("churn", "purchase", "payment_risk")


@dataclass(frozen=True, slots=True)
class DemoBook:
    """A historical book. Its dates are local wall-clock times of the years in its file."""

    code: str
    name: str
    currency: str
    begins: datetime  # naive: midnight of the first day
    ends: datetime  # naive: the midnight after everything in the file
    score_kinds: tuple[str, ...]
    attribution: str
    reporting_rate: Decimal | None = None  # of its currency; none is needed when it is the reporting one


# Whole weeks keep the weekdays and nearly the season; the book then ended within the last week.
_SPAN = SQL("""
    WITH shift AS (
        SELECT floor(extract(epoch FROM statement_timestamp() AT TIME ZONE %(zone)s - %(ends)s)
                     / 604800)::int AS weeks
    )
    SELECT weeks, (%(begins)s + weeks * interval '7 days') AT TIME ZONE %(zone)s,
           (%(ends)s + weeks * interval '7 days') AT TIME ZONE %(zone)s
    FROM shift
""")


@transaction.atomic
def open_demo_book(demo: DemoBook) -> Book:
    """Return the book, making it when it isn't there yet.

    Its dates are shifted once, when it is made, so that a later run finds the same ones.
    """
    existing = Book.objects.filter(code=demo.code).first()
    if existing is not None:
        return existing
    organisation = ensure_organisation(name="Sextant demo")
    _fix_rate(demo, organisation)
    weeks, starts_at, ends_at = _span(demo, organisation.time_zone)
    book, _ = Book.objects.get_or_create(
        code=demo.code,
        defaults={
            "name": demo.name,
            "currency": demo.currency,
            "is_demo": True,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "shifted_weeks": weeks,
            "attribution": demo.attribution,
            "score_kinds": list(demo.score_kinds),
        },
    )
    return book


class BookExistsError(ValueError):
    """There is a book with this code already."""


class UnknownScoreKindError(ValueError):
    """Something was to be scored that no model can be made for."""


class DemoBookError(ValueError):
    """What a demo book is scored for belongs to its data, and to the past that was replayed."""


def known_kinds(kinds: Iterable[str]) -> list[str]:
    """Return the kinds in the order in which pages show them, each once.

    :raises UnknownScoreKindError: for one that there is no score of.
    """
    wanted = set(kinds)
    if unknown := wanted - set(Score.Kind.values):
        raise UnknownScoreKindError(", ".join(sorted(unknown)))
    return [kind for kind in IN_ORDER if kind in wanted]


@transaction.atomic
def make_book(
    *, code: str, name: str, currency: str, score_kinds: Sequence[str] = DEFAULT_SCORE_KINDS
) -> Book:
    """Make a live book. The nightly run trains and scores whatever it has of `score_kinds`.

    :raises BookExistsError: when the code is taken.
    :raises UnknownScoreKindError: for a kind that there is no score of.
    """
    kinds = known_kinds(score_kinds)
    ensure_organisation()
    if Book.objects.filter(code=code).exists():
        raise BookExistsError(code)
    return Book.objects.create(
        code=code, name=name or code, currency=currency.strip().upper(), score_kinds=kinds
    )


@transaction.atomic
def edit_book(*, book: Book, name: str, score_kinds: Sequence[str], by: User | None) -> list[Job]:
    """Store name and kinds; return the jobs that take back the scores of the kinds that went.

    The models of a kind stay: taken up again, it is scored by its live model from the next night on.

    :raises DemoBookError: when the kinds of a demo book would change.
    :raises UnknownScoreKindError: for a kind that there is no score of.
    """
    kinds = known_kinds(score_kinds)
    stands = Book.objects.select_for_update().get(pk=book.pk)
    gone = [kind for kind in stands.score_kinds if kind not in kinds]
    if stands.is_demo and set(kinds) != set(stands.score_kinds):
        raise DemoBookError(stands.code)
    Book.objects.filter(pk=stands.pk).update(name=name, score_kinds=kinds)
    return [
        enqueue(
            task="crm.withdraw_scores",
            scope=f"book:{stands.code}:{kind}",
            params={"book": stands.code, "kind": kind},
            owner=by,
            coalesces=True,
        )
        for kind in gone
    ]


def _fix_rate(demo: DemoBook, organisation: Organisation) -> None:
    if demo.reporting_rate is not None and demo.currency != organisation.reporting_currency:
        ExchangeRate.objects.get_or_create(
            base=demo.currency,
            quote=organisation.reporting_currency,
            valid_from=date(2000, 1, 1),
            defaults={"rate": demo.reporting_rate, "source": "fixed rate for the demo"},
        )


def _span(demo: DemoBook, zone: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_SPAN, {"zone": zone, "begins": demo.begins, "ends": demo.ends})
        row: tuple[Any, ...] = cursor.fetchone()
    return row
