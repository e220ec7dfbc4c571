"""The organisation of an installation: made when first needed, and its currency fixed by what is stored."""

from datetime import UTC, datetime
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Book, Import, Organisation, Schedule, Value
from crm.pipelines.imports.online_retail import WHOLESALE
from crm.selectors.audit import list_audit
from crm.selectors.organisation import get_organisation, list_amounts_stored, list_time_zones
from crm.services.books import open_demo_book
from crm.services.organisation import (
    CurrencyFixedError,
    UnknownCurrencyError,
    UnknownZoneError,
    choose_time_zone,
    edit_organisation,
    ensure_organisation,
)
from tests import factories as f
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)


def edit(**changes):
    said = {"name": "Lind GmbH", "reporting_currency": "GBP", "time_zone": "Europe/London"}
    return edit_organisation(**{**said, **changes})


def test_an_installation_works_without_a_name():
    assert get_organisation().reporting_currency == "GBP"
    assert not Organisation.objects.exists()

    assert ensure_organisation().name == ""
    assert ensure_organisation(name="Given later").name == "Given later"
    assert ensure_organisation(name="Another").name == "Given later"


def test_the_demo_names_an_organisation_that_has_no_name():
    ensure_organisation()

    open_demo_book(WHOLESALE)

    assert Organisation.objects.get().name == "Sextant demo"


def test_the_demo_leaves_a_name_alone():
    edit(name="Lind GmbH")

    open_demo_book(WHOLESALE)

    assert Organisation.objects.get().name == "Lind GmbH"


def test_what_is_set_is_stored():
    edit(name=" Lind GmbH ", reporting_currency="EUR", time_zone="Europe/Berlin")

    stored = get_organisation()
    assert (stored.name, stored.reporting_currency, stored.time_zone) == ("Lind GmbH", "EUR", "Europe/Berlin")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reporting_currency": "EURO"}, UnknownCurrencyError),
        ({"reporting_currency": "eur"}, UnknownCurrencyError),
        ({"time_zone": "Europe/Nowhere"}, UnknownZoneError),
    ],
)
def test_what_there_is_not_is_refused(changes, error):
    with pytest.raises(error):
        edit(**changes)


@pytest.mark.parametrize(
    ("store", "word"),
    [
        (f.OrderFactory, "orders"),
        (f.InvoiceFactory, "invoices"),
        (f.PaymentFactory, "payments"),
        (f.ValueFactory, "published values"),
        (lambda: f.ImportFactory(state=Import.State.COMMITTING), "a file that is being imported"),
    ],
)
def test_the_currency_stands_fixed_once_something_is_stored_in_it(store, word):
    edit(reporting_currency="EUR")
    assert list_amounts_stored() == []
    store()

    assert word in list_amounts_stored()
    with pytest.raises(CurrencyFixedError):
        edit(reporting_currency="USD")
    edit(reporting_currency="EUR", name="Renamed")  # the rest can still be changed
    assert get_organisation().name == "Renamed"


def test_accounts_and_products_alone_fix_nothing():
    f.AccountFactory()
    f.ProductFactory()

    assert edit(reporting_currency="CNY").reporting_currency == "CNY"
    assert not Value.objects.exists()
    assert Book.objects.exists()


def test_nightly_work_follows_the_clock_of_another_zone():
    Schedule.objects.all().delete()
    nightly, steady, due = (
        Schedule.objects.create(name=name, task="crm.example", next_due_at=at, **when)
        for name, at, when in (
            ("nightly", datetime(2999, 1, 1, tzinfo=UTC), {"at_time": "02:00"}),
            ("steady", datetime(2999, 1, 1, tzinfo=UTC), {"every_minutes": 5}),
            ("due", datetime(2020, 1, 1, tzinfo=UTC), {"at_time": "02:00"}),
        )
    )

    edit(time_zone="Asia/Taipei")

    for schedule in (nightly, steady, due):
        schedule.refresh_from_db()
    assert nightly.next_due_at.astimezone(ZoneInfo("Asia/Taipei")).hour == 2
    assert nightly.next_due_at.year < 2999
    assert (steady.next_due_at.year, due.next_due_at.year) == (2999, 2020)


def test_zones_are_named_after_places():
    zones = list_time_zones()

    assert {"Europe/Berlin", "Asia/Shanghai", "UTC"} <= set(zones)
    assert not {"posixrules", "Etc/GMT+1", "US/Eastern"} & set(zones)


# Pages


def settings_form(**changes):
    return {"name": "Lind GmbH", "reporting_currency": "eur", "time_zone": "Europe/Berlin", **changes}


def test_an_administrator_sets_name_currency_and_zone(admin_client_):
    assert "First steps" in admin_client_.get("/settings/").text

    answer = admin_client_.post("/settings/", settings_form(), follow=True)

    assert answer.redirect_chain == [("/settings/", 302)]
    assert "First steps" not in answer.text
    stored = Organisation.objects.get()
    assert (stored.name, stored.reporting_currency, stored.time_zone) == ("Lind GmbH", "EUR", "Europe/Berlin")


def test_looking_at_the_settings_stores_nothing(admin_client_):
    admin_client_.get("/settings/")

    assert not Organisation.objects.exists()


def test_a_refused_form_keeps_what_was_typed(admin_client_):
    answer = admin_client_.post("/settings/", settings_form(name="Kept", reporting_currency="XXQ"))

    assert answer.status_code == 422
    assert 'value="Kept"' in answer.text
    assert "This is no currency" in answer.text


def test_a_fixed_currency_is_shown_with_its_reason(admin_client_):
    f.OrderFactory()

    page = admin_client_.get("/settings/").text
    told = admin_client_.post("/settings/", settings_form())
    saved = admin_client_.post("/settings/", settings_form(reporting_currency=""))

    assert "these are stored in it: orders" in page
    assert "disabled" in page
    assert (told.status_code, saved.status_code) == (422, 302)
    assert "these are stored in it: orders" in told.text
    assert Organisation.objects.get().reporting_currency == "GBP"


def test_only_administrators_find_the_way_to_the_settings(admin_client_, sales_client):
    assert 'href="/settings/"' in admin_client_.get("/").text
    assert 'href="/settings/"' not in sales_client.get("/").text
    assert 'href="/preferences/"' in sales_client.get("/").text


def shown_time(client, account):
    text = client.get(account.get_absolute_url()).text
    return next((hour for hour in ("22:30", "23:30", "06:30") if hour in text), None)


@pytest.fixture
def visited():
    account = f.AccountFactory()
    f.ActivityFactory(account=account, at=EVENING)
    return account


def test_pages_show_the_organisations_zone_and_ones_own_before_it(support_client, visited):
    assert shown_time(support_client, visited) == "22:30"

    edit(time_zone="Europe/Berlin")
    assert shown_time(signed_in("support", time_zone="Asia/Shanghai"), visited) == "06:30"
    admin = signed_in("administrator")
    admin.post("/settings/", settings_form(reporting_currency="GBP"))
    assert shown_time(support_client, visited) == "23:30"


def test_somebody_chooses_a_zone_and_takes_it_back(sales_client):
    assert "The organisation&#x27;s (Europe/London)" in sales_client.get("/preferences/").text

    sales_client.post("/preferences/", {"time_zone": "Asia/Shanghai"})
    sales_client.user.refresh_from_db()
    assert sales_client.user.time_zone == "Asia/Shanghai"

    sales_client.post("/preferences/", {"time_zone": ""})
    sales_client.user.refresh_from_db()
    assert sales_client.user.time_zone == ""


def test_a_zone_that_there_is_not_is_refused(sales_client):
    assert sales_client.post("/preferences/", {"time_zone": "Mars/Olympus"}).status_code == 422
    with pytest.raises(UnknownZoneError):
        choose_time_zone(user=sales_client.user, time_zone="Mars/Olympus")


def test_the_zone_costs_no_query_a_page(sales_client):
    sales_client.get("/preferences/")

    with CaptureQueriesContext(connection) as queries:
        sales_client.get("/tasks/")

    assert not [query for query in queries if "crm_organisation" in query["sql"]]


def test_who_is_not_signed_in_is_answered_without_asking_for_the_zone(client):
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/accounts/login/").status_code == 200

    assert not [query for query in queries if "crm_organisation" in query["sql"]]


def test_the_audit_log_says_who_set_what(admin_client_):
    admin_client_.post("/settings/", settings_form(reporting_currency="GBP"))
    admin_client_.post("/settings/", settings_form(reporting_currency="GBP", time_zone="Asia/Shanghai"))
    rate = {"currency": "EUR", "rate": "0.86", "valid_from": "2026-01-01"}
    admin_client_.post("/settings/rates/new/", rate)
    admin_client_.post("/settings/rates/new/", {**rate, "rate": "0.87", "replace": "on"})

    moved = list_audit(table="crm_organisationevent")[0]
    (corrected,) = list_audit(table="crm_exchangerateevent")

    assert [(one.name, one.before, one.after) for one in moved.changes] == [
        ("time_zone", "Europe/Berlin", "Asia/Shanghai")
    ]
    assert {one.name for one in corrected.changes} == {"rate"}
    assert {moved.actor_id, corrected.actor_id} == {admin_client_.user.pk}
    page = admin_client_.get("/audit/").text
    assert "<del>Europe/Berlin</del>" in page
    assert "Exchange rate" in page


@pytest.mark.parametrize(("is_demo", "name"), [(True, "Sextant demo"), (False, "")])
def test_an_installation_without_a_demo_loses_the_name_that_it_was_given(is_demo, name):
    f.BookFactory(code="shop", is_demo=is_demo, ends_at=EVENING if is_demo else None)
    ensure_organisation(name="Sextant demo")

    with connection.cursor() as cursor:
        cursor.execute(import_module("crm.migrations.0029_unnamed_organisation").UNNAME)

    assert get_organisation().name == name
