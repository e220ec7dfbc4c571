"""Previous and next on an account's page: the list that one came from, in its order."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Account
from tests import factories as f

pytestmark = pytest.mark.django_db

LINK = r'<a class="table__main" href="([^"]+)">([^<]+)<'
STEP = r'rel="{}" href="([^"]+)" title="([^"]+)"'


def listed(client, state):
    """Return name and link of each row of the list, in its order."""
    page = client.get(f"/accounts/?{state or 'view=all'}").text
    return [(name, unescape(url)) for url, name in re.findall(LINK, page)]


def step(client, url, direction):
    found = re.search(STEP.format(direction), client.get(url).text)
    return None if found is None else (found[2], unescape(found[1]))


def walked(client, url, direction):
    names = []
    while found := step(client, url, direction):
        name, url = found
        names.append(name)
    return names


@pytest.fixture
def accounts():
    """Names that sort unlike keys; equal names, equal scores, and one without a score."""
    made = [f.AccountFactory(name=name, country="FR") for name in ("Cod", "Ant", "Bee", "Ant", "Elk")]
    for account, value in zip(made, (0.2, 0.7, 0.2, 0.9), strict=False):
        f.ScoreFactory(account=account, value=value)
    f.AccountFactory(name="Dog", country="DE")
    return made


@pytest.mark.parametrize(
    "state", ["", "sort=-name", "sort=-churn", "sort=churn", "country=FR", "sort=-created"]
)
def test_walks_the_list_in_its_order_both_ways(admin_client_, accounts, state):
    rows = listed(admin_client_, state)
    names = [name for name, _url in rows]

    forward = walked(admin_client_, rows[0][1], "next")
    backward = walked(admin_client_, rows[-1][1], "prev")

    assert [names[0], *forward] == names
    assert [names[-1], *backward] == names[::-1]


def test_the_page_leads_back_to_the_list_and_its_tabs_stay_in_it(admin_client_, accounts):
    (_name, url), *_rest = listed(admin_client_, "country=FR&sort=-churn")

    page = unescape(admin_client_.get(url).text)

    assert '<a href="/accounts/?country=FR&sort=-churn">Accounts</a>' in page
    assert f"?tab=orders&{urlencode({'list': 'country=FR&sort=-churn'})}" in page


def test_goes_on_from_an_account_that_has_left_the_list(admin_client_, accounts):
    (_name, _first), (_second, url), (third, _url), *_rest = listed(admin_client_, "owner=none")
    account = Account.objects.get(public_id=url.split("/")[2])
    Account.objects.filter(pk=account.pk).update(owner=admin_client_.user)

    assert step(admin_client_, url, "next")[0] == third


def test_an_account_without_the_score_of_the_list_has_no_neighbours(admin_client_, accounts):
    url = f"{Account.objects.get(name='Dog').get_absolute_url()}?list=sort%3D-churn"

    assert step(admin_client_, url, "next") is None
    assert admin_client_.get(url).status_code == 200


def test_a_walk_shows_nobody_elses_accounts(sales_client):
    mine = f.AccountFactory(name="Mine", owner=sales_client.user)
    f.AccountFactory(name="Theirs", owner=f.UserFactory())

    assert step(sales_client, f"{mine.get_absolute_url()}?list=", "next") is None


@pytest.mark.parametrize("state", ["sort=nonsense", "churn_min=much", "%00", "list=list", "a" * 5_000])
def test_a_list_that_makes_no_sense_harms_nobody(admin_client_, accounts, state):
    answer = admin_client_.get(accounts[0].get_absolute_url(), {"list": state})

    assert answer.status_code == 200


def test_only_a_page_with_a_list_asks_for_neighbours(admin_client_, accounts):
    def asked(query):
        admin_client_.get(f"{accounts[0].get_absolute_url()}{query}")
        with CaptureQueriesContext(connection) as captured:
            admin_client_.get(f"{accounts[0].get_absolute_url()}{query}")
        return len(captured)

    assert asked("?list=sort%3D-churn") - asked("") == 3
