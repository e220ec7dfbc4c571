"""What has been kept long enough is gone, also from where old versions stand, and the lake is told."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.db.models.functions import Now

from crm.models import Event, EventKey, EventRetention, Visitor, WebSession
from crm.models.base import DeletedKey
from crm.pipelines import event_retention
from crm.services.jobs import run_job
from tests.factories import JobFactory, TrackedSiteFactory

pytestmark = pytest.mark.django_db


def execute(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def keep(**days):
    EventRetention.objects.all().delete()
    for kind, number in days.items():
        EventRetention.objects.create(kind=kind, days=number)


def make_event(kind, days, **more):
    (at,) = execute("SELECT now() - make_interval(days => %s)", days)[0]
    return Event.objects.create(kind=kind, at=at, visitor="1-v", **more)


def make_partition(days):
    """Make the partition of the month that lies so many days back and return its name."""
    at = "(now() - make_interval(days => %s))::date"
    execute(f"SELECT sextant_make_partitions('crm_event', {at}, {at})", days, days)
    return execute(f"SELECT 'crm_event_' || to_char({at}, 'YYYY_MM')", days)[0][0]


def forget():
    job = JobFactory()
    run_job(job.pk, event_retention.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job.result


def remembered():
    return set(DeletedKey.objects.filter(table_name="crm_event").values_list("row_id", flat=True))


def test_each_kind_is_kept_for_its_own_days():
    keep(visit=10, search=30)
    old = make_event("visit", 11)
    for kind, days in (("visit", 9), ("search", 29), ("view", 400)):
        make_event(kind, days)
    older = make_event("search", 31)

    result = forget()

    assert result["events"] == 2
    assert set(Event.objects.values_list("kind", flat=True)) == {"visit", "search", "view"}
    assert remembered() == {old.pk, older.pk}
    assert execute("SELECT count(*) FROM crm_event_past WHERE visitor = '1-v'") == [(0,)]


def test_old_versions_go_too():
    keep(visit=10)
    event = make_event("visit", 20)
    Event.objects.filter(pk=event.pk).update(page="/elsewhere")
    young = make_event("visit", 1)
    Event.objects.filter(pk=young.pk).update(page="/elsewhere")

    forget()

    assert execute("SELECT id FROM crm_event_past WHERE visitor = '1-v'") == [(young.pk,)]


def test_a_month_that_is_over_for_every_kind_is_dropped_whole():
    keep(visit=10, search=10, view=10, use=60)
    name = make_partition(200)
    event = make_event("use", 200)
    Event.objects.filter(pk=event.pk).update(page="/elsewhere")
    young = make_event("use", 30)
    execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table is dropped that waits for a check

    result = forget()

    assert result["months"] == 1
    assert execute("SELECT to_regclass(%s)", name) == [(None,)]
    assert list(Event.objects.values_list("pk", flat=True)) == [young.pk]
    assert remembered() == {event.pk}
    assert execute("SELECT count(*) FROM crm_event_past WHERE visitor = '1-v'") == [(0,)]


def test_no_month_is_dropped_while_a_kind_is_kept_for_good():
    keep(visit=10, search=10, view=10)
    name = make_partition(200)
    make_event("visit", 200)
    make_event("use", 200)

    result = forget()

    assert result == {"months": 0, "events": 1, "keys": 0}
    assert execute("SELECT to_regclass(%s) IS NULL", name) == [(False,)]
    assert Event.objects.get().kind == "use"


def test_deletes_in_batches(monkeypatch):
    monkeypatch.setattr(event_retention, "BATCH", 2)
    keep(visit=10)
    for _ in range(5):
        make_event("visit", 20)

    assert forget()["events"] == 5
    assert forget()["events"] == 0
    assert len(remembered()) == 5


def test_keys_are_forgotten_when_nobody_repeats_them_any_more():
    keep(visit=400, search=400, view=400, use=400)
    for source in ("site:1", "partner:x", "import:y"):
        for days in (1, 91, 401):
            at = Now() - timedelta(days=days)
            EventKey.objects.create(source=source, key=str(days), at=at)

    assert forget()["keys"] == 5
    assert set(EventKey.objects.values_list("source", "key")) == {
        ("site:1", "1"), ("partner:x", "1"), ("import:y", "1"), ("import:y", "91"),
    }  # fmt: skip


def test_visitors_are_forgotten_after_their_sessions():
    keep(visit=10, search=10, view=10, use=10)
    site = TrackedSiteFactory()
    for key, days in (("old", 11), ("young", 9)):
        at = Now() - timedelta(days=days)
        visitor = Visitor.objects.create(site=site, key=key, last_seen_at=at)
        WebSession.objects.create(visitor=visitor, started_at=at, ended_at=at, events=1)

    forget()

    assert list(Visitor.objects.values_list("key", flat=True)) == ["young"]
    assert WebSession.objects.get().visitor.key == "young"


def test_a_new_installation_forgets_after_25_months():
    keep()
    execute(import_module("crm.migrations.0011_collector").KEEP_EVENTS)

    assert dict(EventRetention.objects.values_list("kind", "days")) == dict.fromkeys(
        ("visit", "search", "view", "use"), 760
    )
