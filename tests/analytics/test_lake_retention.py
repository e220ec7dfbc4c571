"""What is forgotten by age is forgotten by the lake too, with every version of it."""

import pytest
from django.db import connection

from analytics.lake import refresh
from crm.models import Event, EventRetention
from crm.pipelines import event_retention
from tests.analytics.lake_facts import ago, contents, make_event
from tests.analytics.test_lake import full_extract
from tests.demo_data import run_pipeline
from tests.factories import AccountFactory, BookFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.mark.parametrize("whole_months", [True, False])
def test_a_lake_forgets_events_that_are_past_their_days(whole_months, settings, tmp_path):
    account = AccountFactory(book=BookFactory())
    if whole_months:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sextant_make_partitions('crm_event', '2020-01-01', '2020-03-01')")
    for number in range(6):
        make_event(account, "visit", 5 * number)
    unknown = Event.objects.create(visitor="1-v", kind="view", at=ago(9), known_at=ago(9))
    make_event(account, "use", 7)
    refresh()
    Event.objects.filter(pk=unknown.pk).update(account=account)  # an old version stands in the lake
    refresh()
    EventRetention.objects.all().delete()
    kinds = ("visit", "view", "search", "use") if whole_months else ("visit", "view")
    EventRetention.objects.bulk_create([EventRetention(kind=kind, days=30) for kind in kinds])

    run_pipeline(event_retention.run, task="crm.drop_old_events")
    refresh()

    left = {row["kind"] for row in contents()["event"].to_pylist()}
    assert left == (set() if whole_months else {"use"})
    assert contents() == full_extract(settings, tmp_path / "whole")
