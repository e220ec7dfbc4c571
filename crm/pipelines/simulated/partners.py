"""Three simulated partners with the accounts that they brought, and the lists everybody starts with."""

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Literal

from crm.models import Book, Partner, SavedView, User
from crm.pipelines.simulated.names import spread

PARTNERS = (
    ("Lanternwood Agencies (simulated)", Partner.Tier.GOLD, "GB"),
    ("Three Rivers Trade Partners (simulated)", Partner.Tier.SILVER, "IE"),
    ("Kestrel Quay Distribution (simulated)", Partner.Tier.REGISTERED, "DE"),
)
ACCOUNTS_EACH = 60

# The page, the name and the query string of a list.
VIEWS = (
    ("account-list", "Riskiest valuable accounts", "book=wholesale&sort=-churn&value_min=5000"),
    ("account-list", "Expected losses", "book=bank&sort=-expected_loss"),
)

# Every third account has two partners, and a few links have ended.
_LINKS = """
    INSERT INTO crm_partneraccount (partner_id, account_id, role, since, until)
    SELECT partner_id, account_id, role, since,
        CASE WHEN position % 15 = 0 THEN since + interval '90 days' END
    FROM (
        SELECT {partner} AS partner_id, id AS account_id, position,
            (ARRAY['referred', 'resells', 'services'])[1 + position % 3] AS role,
            {starts}::timestamptz + make_interval(days => (position * 3 % 200)::int) AS since
        FROM (
            SELECT id, row_number() OVER (ORDER BY {draw}, id) AS position
            FROM crm_account WHERE book_id = {book}
        ) AS drawn
        WHERE position > {first} AND position <= {last}
    ) AS link
    ORDER BY position
"""


def add_partners(cursor: CursorWrapper, book: Book) -> int:
    """Make the partners and link each to accounts of its own and to some of the one before."""
    each = min(ACCOUNTS_EACH, book.accounts.count() // 4)
    step = each * 2 // 3
    links = 0
    for place, (name, tier, country) in enumerate(PARTNERS):
        partner, made = Partner.objects.get_or_create(
            name=name,
            defaults={
                "tier": tier,
                "country": country,
                "email": f"partner{place + 1}@example.org",
                "book": book,
                "is_simulated": True,
            },
        )
        if made:
            links += _link(cursor, book, partner, first=place * step, last=place * step + each)
    return links


def _link(cursor: CursorWrapper, book: Book, partner: Partner, *, first: int, last: int) -> int:
    cursor.execute(
        SQL(_LINKS).format(
            partner=Literal(partner.pk),
            book=Literal(book.pk),
            starts=Literal(book.starts_at),
            draw=SQL(spread("id", "partner")),
            first=Literal(first),
            last=Literal(last),
        )
    )
    return int(cursor.rowcount)


def add_saved_views() -> None:
    owner = User.objects.get(username="ana")
    for position, (page, name, query) in enumerate(VIEWS):
        SavedView.objects.get_or_create(
            owner=owner,
            page=page,
            name=name,
            defaults={"query": query, "is_shared": True, "position": position},
        )
