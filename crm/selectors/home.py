"""What somebody should look at first, by role. Lists of five."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, Q, QuerySet

from crm.models import Account, Book, Import, Job, Partner, RuleCount, Score, Task, Ticket, User
from crm.selectors.account_criteria import matching
from crm.selectors.account_list import AccountRow, account_page, account_sort, sorted_accounts
from crm.selectors.jobs import ROUTINE
from crm.selectors.work import visible_tickets

FIVE = 5
AT_RISK_FROM = 0.3  # below this a high value is no reason to worry
CANDIDATES = 200

# One round trip, however many books there are. The highest is found at the end of an index.
_ONE_OF_EACH = """
    SELECT book.id, wanted.kind, one.as_of, one.model_version
    FROM crm_book AS book
    CROSS JOIN LATERAL jsonb_array_elements_text(book.score_kinds) AS wanted (kind)
    CROSS JOIN LATERAL (
        SELECT score.as_of, score.model_version
        FROM crm_score AS score JOIN crm_account AS account ON account.id = score.account_id
        WHERE score.kind = wanted.kind AND account.book_id = book.id
        ORDER BY score.value DESC, score.account_id DESC LIMIT 1
    ) AS one
"""


def list_at_risk(user: User) -> list[AccountRow]:
    """Return the accounts with most money at risk: churn risk x expected value.

    Among the 200 most valuable that may leave, so that no list is sorted as a whole.
    """
    risky = matching(Account.objects.visible_to(user), {"churn_min": AT_RISK_FROM})
    sort = account_sort("-value")
    rows = account_page(sorted_accounts(risky, sort), sort=sort, per_page=CANDIDATES).rows
    return sorted(rows, key=_money_at_risk, reverse=True)[:FIVE]


def list_expected_losses(user: User) -> list[AccountRow]:
    accounts = Account.objects.visible_to(user)
    sort = account_sort("-expected_loss")
    return list(account_page(sorted_accounts(accounts, sort), sort=sort, per_page=FIVE).rows)


def list_due_tasks(user: User) -> QuerySet[Task]:
    tasks = Task.objects.filter(assignee=user, done_at=None).select_related("account")
    return tasks.order_by("due_date", "pk")[:FIVE]


def list_my_tickets(user: User) -> QuerySet[Ticket]:
    return _queue(user).filter(assignee=user)[:FIVE]


def list_ticket_queue(user: User) -> QuerySet[Ticket]:
    return _queue(user)[: 2 * FIVE]


def list_partners(user: User) -> QuerySet[Partner]:
    open_links = Q(account_links__until__isnull=True, account_links__isnull=False)
    partners = Partner.objects.visible_to(user).filter(is_active=True)
    return partners.annotate(accounts=Count("account_links", filter=open_links)).order_by("-accounts")[:FIVE]


def list_latest_jobs(user: User, *, failed: bool = False) -> QuerySet[Job]:
    jobs = Job.objects.visible_to(user).filter(parent=None).exclude(ROUTINE)
    if failed:
        jobs = jobs.filter(state=Job.State.FAILED)
    return jobs.order_by("-pk")[:FIVE]


class Newest(NamedTuple):
    as_of: datetime
    model_version: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the published scores of one kind in one book are."""

    book: Book
    kind: str
    newest: Newest | None

    @property
    def label(self) -> str:
        return str(Score.Kind(self.kind).label)


def list_freshness() -> list[Freshness]:
    """Return a line for each score that a book should have, also for one that was never published.

    Scores are published a book at a time, so that any of them speaks for all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE_OF_EACH)
        newest = {(pk, kind): Newest(*found) for pk, kind, *found in cursor}
    return [
        Freshness(book, kind, newest.get((book.pk, kind)))
        for book in Book.objects.order_by("pk")
        for kind in book.score_kinds
    ]


@dataclass(frozen=True, slots=True)
class QualityLine:
    source: Import
    caught: int  # rules that caught a row


def list_quality() -> list[QualityLine]:
    """Return the latest finished imports, each with how many rules caught something in it."""
    imports = Import.objects.filter(state=Import.State.DONE).select_related("book").order_by("-pk")[:FIVE]
    caught = RuleCount.objects.filter(source_import__in=[source.pk for source in imports], rows__gt=0)
    counts = dict(caught.values_list("source_import").annotate(Count("pk")))
    return [QualityLine(source, counts.get(source.pk, 0)) for source in imports]


def _queue(user: User) -> QuerySet[Ticket]:
    live = visible_tickets(user).filter(state__in=["open", "pending"])
    return live.order_by("-priority", "opened_at", "pk")


def _money_at_risk(row: AccountRow) -> float:
    return row.numbers.get("churn", 0.0) * row.numbers.get("customer_value", 0.0)
