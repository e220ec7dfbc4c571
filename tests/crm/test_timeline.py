from datetime import timedelta

import pytest

from crm.models import Account, Visitor, WebSession
from crm.selectors.timeline import get_timeline
from tests import factories as f

pytestmark = pytest.mark.django_db


def everything(account, chip=""):
    """Return all entries by walking "Load older" to its end."""
    timeline = get_timeline(account, chip=chip)
    items, pages = list(timeline.items), 1
    while timeline.older:
        timeline = get_timeline(account, chip=chip, before=timeline.older)
        items += timeline.items
        pages += 1
    return items, pages


def test_all_that_happened_stands_in_one_line_newest_first():
    account = f.AccountFactory()
    for day in range(15):
        at = f.NOW - timedelta(days=day)
        f.OrderFactory(account=account, placed_at=at, lines=0)
        f.ActivityFactory(account=account, at=at)
        f.TicketFactory(account=account, opened_at=at)
    f.TaskFactory(account=account, done_at=f.NOW - timedelta(days=3))
    f.TaskFactory(account=account)
    f.PaymentFactory(invoice__account=account)
    f.OrderFactory()

    items, pages = everything(account)

    keys = [(item.at, item.source, item.pk) for item in items]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == 3 * 15 + 1 + 2
    assert pages == 3


@pytest.mark.parametrize(
    ("chip", "sources"),
    [
        ("note", {"activity"}), ("call", set()), ("order", {"order"}), ("ticket", {"ticket"}),
        ("bill", {"invoice", "payment"}), ("edit", {"edit"}),
    ],
)  # fmt: skip
def test_a_chip_shows_one_kind(chip, sources):
    account = f.AccountFactory()
    f.ActivityFactory(account=account, kind="note")
    f.OrderFactory(account=account, lines=0)
    f.TicketFactory(account=account)
    f.PaymentFactory(invoice__account=account)
    Account.objects.filter(pk=account.pk).update(name="New name")
    account.refresh_from_db()

    assert {item.source for item in get_timeline(account, chip=chip).items} == sources


def test_edits_of_one_person_shortly_after_each_other_are_one_entry():
    account = f.AccountFactory()
    for change in ({"name": "A"}, {"country": "FR"}, {"name": "B", "industry": "Toys"}):
        Account.objects.filter(pk=account.pk).update(**change)
    account.refresh_from_db()

    (entry,) = get_timeline(account).items

    assert entry.field_names == ["country", "industry", "name"]
    assert len(entry.edits) == 3


def test_a_broken_cursor_shows_the_newest():
    account = f.ActivityFactory().account

    assert len(get_timeline(account, before="nonsense").items) == 1


def test_older_entries_come_as_a_fragment(sales_client):
    account = f.AccountFactory(owner=sales_client.user)
    f.ActivityFactory.create_batch(25, account=account, text="entry")
    page = sales_client.get(account.get_absolute_url())
    older = get_timeline(account).older

    fragment = sales_client.get(account.get_absolute_url(), {"older": older}, headers={"HX-Request": "true"})

    assert page.text.count("timeline__text") == 20
    assert fragment.text.count("timeline__text") == 5
    assert "<html" not in fragment.text


def test_a_visit_is_one_entry_and_a_programs_visit_is_none(sales_client):
    account = f.AccountFactory(owner=sales_client.user)
    site = f.TrackedSiteFactory(book=account.book)
    for number, (events, source, is_bot) in enumerate(
        [(6, "newsletter", False), (1, "", False), (90, "", True)]
    ):
        visitor = Visitor.objects.create(site=site, key=f"1-{number}", account=account)
        WebSession.objects.create(
            visitor=visitor, started_at=f.NOW - timedelta(days=number), ended_at=f.NOW, events=events,
            source=source, is_bot=is_bot,
        )  # fmt: skip

    items, _pages = everything(account, chip="visit")
    page = sales_client.get(account.get_absolute_url(), {"kind": "visit"}).text

    assert [(item.source, item.amount, item.text) for item in items] == [
        ("session", 6, "newsletter"),
        ("session", 1, ""),
    ]
    assert "Visited the site: 6 steps, from newsletter" in page
    assert "Visited the site: 1 step<" in page
