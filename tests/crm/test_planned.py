"""Pages that are asked for most keep their plans; where a plan depends on the values, none is kept."""

import pytest
from django.db import connection
from django.urls import reverse

from crm.selectors.planned import planned_once
from tests.factories import AccountFactory, ScoreFactory

pytestmark = pytest.mark.django_db
ENOUGH = 8  # visits: more than `ASKED_BEFORE`


@pytest.fixture(autouse=True)
def _no_plans():
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


def kept() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
        return [statement for (statement,) in cursor.fetchall()]


def visit(client, url: str) -> None:
    for _ in range(ENOUGH):
        assert client.get(url).status_code == 200


def test_an_account_page_keeps_its_plans(admin_client_):
    account = AccountFactory()
    ScoreFactory(account=account)

    visit(admin_client_, account.get_absolute_url())

    assert sum("crm_order" in statement for statement in kept()) == 2  # the head, and the timeline
    assert any("crm_recommendation" in statement for statement in kept())


def test_the_whole_list_keeps_its_plan_and_a_filtered_one_does_not(admin_client_, sales_client):
    ScoreFactory(account=AccountFactory(country="GB", owner=sales_client.user))
    whole, filtered = reverse("crm:account-list") + "?sort=-churn", "&country=GB"

    visit(admin_client_, whole + filtered)
    visit(sales_client, whole)
    assert not any('FROM "crm_account"' in statement for statement in kept())
    visit(admin_client_, whole)
    assert any('FROM "crm_account"' in statement for statement in kept())


def fail_inside() -> None:
    with planned_once():
        raise ZeroDivisionError


def test_what_goes_wrong_inside_leaves_the_connection_as_it_was():
    link = connection.connection
    usual = link.cursor_factory, link.prepare_threshold

    with pytest.raises(ZeroDivisionError):
        fail_inside()

    assert (link.cursor_factory, link.prepare_threshold) == usual
