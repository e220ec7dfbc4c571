import re
from datetime import timedelta

import pytest
from django.utils import timezone

from crm.models import SourceDay
from tests import factories as f
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db


def risky(name, churn, value, **details):
    account = f.AccountFactory(name=name, **details)
    f.ScoreFactory(account=account, value=churn)
    f.ValueFactory(account=account, amount=value)
    return account


def test_sales_sees_where_most_money_is_at_risk_first(sales_client):
    mine = {"owner": sales_client.user}
    risky("Certain but small", 0.9, 1_000, **mine)
    risky("Likely and large", 0.6, 9_000, **mine)
    risky("Large but safe", 0.1, 99_000, **mine)
    risky("Not mine", 0.9, 99_000, owner=f.UserFactory())

    page = sales_client.get("/").text

    assert page.index("Likely and large") < page.index("Certain but small")
    assert "Large but safe" not in page
    assert "Not mine" not in page


def test_one_sees_ones_own_tasks_and_tickets(sales_client):
    yesterday = timezone.localdate() - timedelta(days=1)
    f.TaskFactory(title="Mine and late", assignee=sales_client.user, due_date=yesterday)
    f.TaskFactory(title="Somebody else's", assignee=f.UserFactory())
    f.TicketFactory(subject="My ticket", account__owner=sales_client.user, assignee=sales_client.user)

    page = sales_client.get("/").text

    assert "Mine and late" in page
    assert "Overdue" in page
    assert "My ticket" in page
    assert "Somebody else" not in page


def test_sources_send_as_usual_only_once_something_has_come_in(admin_client_):
    before = admin_client_.get("/").text
    SourceDay.objects.create(
        book=f.BookFactory(),
        source="erp",
        kind="orders",
        on_date=timezone.localdate(),
        rows=1,
        last_at=timezone.now(),
    )

    assert "Nothing has come in yet" in before
    assert "Every source sends as usual" not in before
    assert "Every source sends as usual" in admin_client_.get("/").text


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("support", "Ticket queue"), ("marketing", "Latest campaigns"), ("analyst", "Scores by book"),
        ("partner_manager", "Partners"), ("administrator", "Failed jobs"),
    ],
)  # fmt: skip
def test_each_role_starts_with_its_own_card(role, shown):
    titles = re.findall(r'class="card__title">([^<]+)<', signed_in(role).get("/").text)

    assert titles[0] == shown


def test_an_administrator_sees_failed_jobs_and_scores_never_computed(admin_client_):
    f.BookFactory(name="Wholesale")
    f.ScoreFactory(kind="purchase", model_version="wholesale-purchase-4")
    f.JobFactory(task="crm.import_book", state="failed", finished_at=timezone.now())

    page = admin_client_.get("/").text

    assert "never computed" in page
    assert "wholesale-purchase-4" in page
    assert 'href="/jobs/' in page
