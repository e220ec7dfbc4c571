"""Parts of pages that are made in one go, without a template for each row."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import connection
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from crm.models import Account
from crm.selectors.account_list import account_page, account_sort, sorted_accounts
from crm.selectors.offers import list_offers
from crm.selectors.timeline import TimelineItem
from crm.templatetags.timeline_rows import timeline_days
from tests.factories import AccountFactory, RecommendationFactory, ScoreFactory

AT = datetime(2010, 5, 4, 9, 30, tzinfo=UTC)


def page_context(**more):
    request = RequestFactory().get("/accounts/?q=a&b")
    overview = SimpleNamespace(attributes=[])
    known = {"request": request, "csrf_token": "token-of-now", "may_edit": True, "overview": overview}
    return Context({**known, **more})


def timeline_of(*items, may_edit=True):
    return timeline_days(page_context(may_edit=may_edit), [(AT.date(), items)])


@pytest.mark.parametrize("source", ["activity", "order", "invoice", "payment", "ticket", "task"])
def test_what_people_wrote_is_escaped_in_every_kind_of_entry(source):
    item = TimelineItem(AT, source, 1, text="<b>&", amount=Decimal(5), currency="GBP")

    assert "<b>" not in timeline_of(item)


def test_an_order_links_to_its_page_and_shows_what_it_came_to():
    order = TimelineItem(AT, "order", 1, "0198-id", "sale", "G17", amount=Decimal("1234.5"), currency="GBP")

    shown = timeline_of(order)

    assert '<a href="/orders/0198-id/">Order G17</a>' in shown
    assert "£1,234.50" in shown


def test_only_those_who_may_edit_can_pin():
    note = TimelineItem(AT, "activity", 1, "0198-id", "note", "Hello")

    assert 'action="/activities/0198-id/pin/"' in timeline_of(note)
    assert "<form" not in timeline_of(note, may_edit=False)


def test_a_remembered_part_is_rendered_once_for_each_key_and_language():
    template = Template(
        '{% load i18n remembering %}{% remember role %}{{ n }} {% translate "Accounts" %}{% endremember %}'
    )
    first = template.render(page_context(role="sales", n=1))
    again = template.render(page_context(role="sales", n=2))
    other = template.render(page_context(role="support", n=3))
    with translation.override("zh-hans"):
        chinese = template.render(page_context(role="sales", n=4))

    assert (first, again, other) == ("1 Accounts", "1 Accounts", "3 Accounts")
    assert chinese.startswith("4 ")
    assert "Accounts" not in chinese


def test_a_remembered_part_never_shows_the_token_or_the_address_of_an_earlier_request():
    template = Template("{% load remembering %}{% remember %}{% csrf_token %}{{ here }}{% endremember %}")
    template.render(page_context())
    later = page_context(csrf_token="token-of-later", request=RequestFactory().get("/tasks/?a=1&b=2"))

    shown = template.render(later)

    assert "token-of-later" in shown
    assert "/tasks/?a=1&amp;b=2" in shown
    assert "token-of-now" not in shown


def test_offers_name_the_product_and_make_a_task_of_it(db):
    reason = {"code": "popular", "buyers": 4}
    offer = RecommendationFactory(product__name="Tea <loose>", kind="popular", reason=reason)
    account = offer.account
    template = Template("{% load offers %}{% offer_rows account offers %}")

    shown = template.render(page_context(account=account, offers=list_offers(account)))

    assert 'value="Offer Tea &lt;loose&gt;"' in shown
    assert f'name="account" value="{account.public_id}"' in shown
    assert "<loose>" not in shown


def test_a_later_page_sorted_by_a_score_joins_it_once(db):
    for value in (0.1, 0.2, 0.3):
        ScoreFactory(account=AccountFactory(), kind="churn", value=value)
    sort = account_sort("-churn")
    accounts = sorted_accounts(Account.objects.all(), sort)
    first = account_page(accounts, sort=sort, per_page=1)

    with CaptureQueriesContext(connection) as captured:
        second = account_page(accounts, sort=sort, after=first.next_cursor, per_page=1)

    assert [row.sort_value for row in second.rows] == [0.2]
    assert captured[0]["sql"].count('JOIN "crm_score"') == 1
