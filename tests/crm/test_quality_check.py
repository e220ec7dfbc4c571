"""The loop: check, see what was caught, clean, check again, and take the cleaning back."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from crm.models import (
    Change,
    ChangeSet,
    Contact,
    Event,
    EventKey,
    Job,
    MatchKey,
    Organisation,
    QualityCount,
    QualityRule,
    SourceDay,
    Visitor,
)
from crm.pipelines import quality, quality_cleaning, undo_change_set
from crm.pipelines.event_sources import count_senders
from crm.selectors.source_habits import local_today
from crm.services.file_imports import start_undo
from crm.services.jobs import enqueue, run_job
from crm.services.quality_cleaning import CLEANINGS, find_cleaning, preview, start_cleaning
from crm.services.quality_rules import TABLES, sync_rules
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def organisation(db):
    Organisation.objects.get_or_create(id=1, defaults={"name": "Larder and Loft"})


def check(**params):
    job = enqueue(task="crm.check_quality", params=params)
    run_job(job.pk, quality.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job.result


def clean(table, code, by=None):
    job = start_cleaning(table=table, code=code, by=by or f.UserFactory(role="administrator"))
    run_job(job.pk, quality_cleaning.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def count(table, code, book="wholesale"):
    return QualityCount.objects.get(table=table, code=code, book__code=book, on_date=local_today())


def test_a_check_counts_each_rule_in_each_book():
    bank = f.BookFactory(code="bank")
    untidy = [f.ContactFactory(email=f"ANA{n}@acme.example") for n in range(7)]
    f.ContactFactory(email="ana@acme.example")
    f.ContactFactory(account__book=bank, email="BEN@acme.example")

    result = check()

    assert result["rules"] == sum(len(table.rules) for table in TABLES.values())
    wholesale = count("contacts", "email_untidy")
    assert (wholesale.caught, wholesale.checked) == (7, 8)
    assert wholesale.examples == sorted(contact.pk for contact in untidy)
    assert (count("contacts", "email_untidy", "bank").caught) == 1
    assert (count("payments", "without_invoice").caught, count("payments", "without_invoice").checked) == (
        0,
        0,
    )


def test_examples_are_as_many_as_a_page_wants_and_not_all():
    account = f.AccountFactory()
    Contact.objects.bulk_create(Contact(account=account, name=f" C{n}") for n in range(300))

    check()

    assert count("contacts", "name_with_spaces").caught == 300
    assert len(count("contacts", "name_with_spaces").examples) == quality.EXAMPLES


def test_checking_again_replaces_the_days_counts_and_keeps_other_days():
    contact = f.ContactFactory(email="ANA@acme.example")
    check()
    QualityCount.objects.update(on_date=F("on_date") - timedelta(days=1))
    check()
    Contact.objects.filter(pk=contact.pk).update(email="ana@acme.example")
    check()

    counts = QualityCount.objects.filter(table="contacts", code="email_untidy").order_by("on_date")
    assert [(count.caught, count.examples) for count in counts] == [(1, []), (0, [])]


def test_a_rule_that_is_off_is_not_checked():
    sync_rules()
    QualityRule.objects.filter(table="contacts", code="unreachable").update(is_enabled=False)

    check()

    codes = set(QualityCount.objects.filter(table="contacts").values_list("code", flat=True))
    assert "unreachable" not in codes
    f.BookFactory()
    assert check(table="contacts", code="unreachable")["rules"] == 0


def test_one_rule_can_be_checked_alone():
    f.ContactFactory(email="ANA@acme.example")

    assert check(table="contacts", code="email_untidy")["caught"] == 1
    assert set(QualityCount.objects.values_list("code", flat=True)) == {"email_untidy"}


def test_a_check_that_was_cancelled_writes_nothing(monkeypatch):
    f.ContactFactory()
    job = enqueue(task="crm.check_quality")
    check_table = quality.check_table

    def cancelled(table, rules):
        Job.objects.filter(pk=job.pk).update(state="cancelled")
        return check_table(table, rules)

    monkeypatch.setattr(quality, "check_table", cancelled)
    run_job(job.pk, quality.run)

    assert not QualityCount.objects.exists()


def test_a_check_measures_what_the_events_of_yesterday_left_out():
    site = f.TrackedSiteFactory(name="Shop")
    visitor = Visitor.objects.create(site=site, key=f"{site.pk}-v")
    yesterday = Organisation.objects.annotate(at=Now() - timedelta(days=1)).get().at
    for page, account in (("/a", f.AccountFactory()), ("/b", None), ("", None), ("/c", None)):
        Event.objects.create(kind="visit", at=yesterday, visitor=visitor.key, page=page, account=account)
        EventKey.objects.create(source=f"site:{site.pk}", key=page, at=yesterday)
    count_senders(zone="Europe/London")

    check()

    day = SourceDay.objects.get()
    assert (day.rows, day.on_date) == (4, local_today() - timedelta(days=1))
    assert day.missing == {"account": 0.75, "page": 0.25, "source": 1}


DIRTY = {
    ("accounts", "email_untidy"): (lambda: f.AccountFactory(email=" Desk@ACME.example"), "desk@acme.example"),
    ("accounts", "name_with_spaces"): (lambda: f.AccountFactory(name=" Acme   Stores"), "Acme Stores"),
    ("accounts", "no_country"): (lambda: f.AccountFactory(country="", phone="+353 1 496 0123"), "IE"),
    ("contacts", "email_untidy"): (lambda: f.ContactFactory(email="ANA@acme.example"), "ana@acme.example"),
    ("contacts", "name_with_spaces"): (lambda: f.ContactFactory(name="Ana  Silva "), "Ana Silva"),
    ("tickets", "open_for_long"): (
        lambda: f.TicketFactory(opened_at=f.NOW - timedelta(days=4000)), "closed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "code"), CLEANINGS)
def test_cleaning_does_what_the_preview_said_and_can_be_taken_back(table, code):
    make, wanted = DIRTY[table, code]
    row = make()
    column = CLEANINGS[table, code].column
    before = getattr(row, column)
    by = f.UserFactory(role="administrator")
    check()

    found = find_cleaning(table, code)
    foreseen = preview(table=found[0], rule=found[1], cleaning=found[2])
    job = clean(table, code, by)
    row.refresh_from_db()

    assert (foreseen.rows, foreseen.first) == (1, [(row.pk, before, wanted)])
    assert getattr(row, column) == wanted
    assert job.result == {"cleaned": 1, "left": 0}
    assert count(table, code).caught == 0
    change_set = ChangeSet.objects.get()
    undo = start_undo(change_set=change_set, by=by)
    run_job(undo.pk, undo_change_set.run)
    row.refresh_from_db()
    assert getattr(row, column) == before


def test_a_country_is_set_only_where_the_number_says_it():
    kept = [
        f.AccountFactory(country="", phone=phone)
        for phone in ("020 7946 0321", "", "+1 212 555 0100", "+7 495 000 0000", "+999 1")
    ]
    british = f.AccountFactory(country="", phone="+44 20 7946 0321")

    clean("accounts", "no_country")

    for account in [*kept, british]:
        account.refresh_from_db()
    assert [account.country for account in kept] == [""] * 5
    assert british.country == "GB"


def test_cleaning_renews_the_keys_and_tells_the_feed():
    contact = f.ContactFactory(email="ANA@Acme.example")

    clean("contacts", "email_untidy")

    assert MatchKey.objects.filter(account=contact.account, kind="email").exists()
    assert Change.objects.filter(kind="account.updated", account_id=contact.account_id).count() == 1


def test_cleaning_nothing_leaves_no_change_set():
    clean("contacts", "email_untidy")

    assert not ChangeSet.objects.exists()


def test_many_rows_are_cleaned_in_batches(monkeypatch):
    monkeypatch.setattr("crm.services.quality_cleaning.BATCH", 4)
    account = f.AccountFactory()
    Contact.objects.bulk_create(Contact(account=account, name=f" C{n}") for n in range(10))

    job = clean("contacts", "name_with_spaces")

    assert job.result == {"cleaned": 10, "left": 0}
    assert [len(step.row_ids) for step in ChangeSet.objects.get().steps.order_by("pk")] == [4, 4, 2]
