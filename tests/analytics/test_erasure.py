"""Of an account that was erased nothing is left in any file of the lake."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest
from django.db import connections

from analytics.lake import forget, layers, open_lake, refresh
from analytics.lake.folders import lake_folder
from analytics.pipelines import forgetting
from crm.models import Job, Order
from crm.services.bin import move_to_bin
from crm.services.erasure import erase_account, erase_standing
from tests.analytics.lake_facts import (
    contents,
    make_attribute,
    make_event,
    make_order,
    make_ticket,
    make_value,
)
from tests.analytics.test_lake import full_extract
from tests.demo_data import run_pipeline
from tests.factories import AccountFactory, BookFactory, UserFactory
from tests.settled import wait_for_older_transactions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

NAME = "Zebedee Quartz"


@pytest.fixture
def person():
    """Make two accounts that say much the same; return the one to be erased."""
    book = BookFactory()
    motto = make_attribute("motto", "text")
    for name in (NAME, "Somebody else"):
        account = AccountFactory(book=book, name=name)
        make_order(account, 5, lines=2)
        make_event(account, "visit", 3)
        make_ticket(account, 3, subject=name)
        make_value(account, motto, name, 30)
        if name == NAME:
            found = account
    refresh()
    Order.objects.filter(account=found).update(amount_reporting=9)  # an old version, and a layer
    refresh()
    return found


def traces(account_id, order_ids):
    """Return the files in which the person is named, or one of the person's rows."""
    found = set()
    for path in lake_folder().rglob("*"):
        if path.is_file() and NAME.encode() in path.read_bytes():
            found.add(path.name)  # footers hold the least and the greatest value as they are
        if path.suffix == ".parquet":
            for row in pq.read_table(path).to_pylist():
                is_order = path.name.startswith("order-") and row["id"] in order_ids
                is_account = path.name.startswith("account-") and row["id"] == account_id
                is_line = row.get("order_id") in order_ids
                if (
                    NAME in row.values()
                    or row.get("account_id") == account_id
                    or is_order
                    or is_account
                    or is_line
                ):
                    found.add(path.name)
    return found


def erase(account):
    entry = move_to_bin(account=account, by=UserFactory())
    refresh()
    erase_account(entry=entry)
    # Or the next refresh would mark as gone once more what is gone: their numbers, and nothing else.
    wait_for_older_transactions()
    return Job.objects.get(task="analytics.forget")


def test_no_file_holds_the_person_any_more(person, settings, tmp_path):
    account_id, orders = person.pk, set(Order.objects.filter(account=person).values_list("pk", flat=True))
    assert len(traces(account_id, orders)) > 5

    job = erase(person)
    assert traces(account_id, orders)
    run_pipeline(forgetting.run, task=job.task, **job.params)

    assert traces(account_id, orders) == set()
    assert contents() == full_extract(settings, tmp_path / "whole")
    assert contents()["order"].num_rows == 1


def test_the_person_does_not_come_back_with_the_next_refresh_or_with_a_new_lake(person, settings, tmp_path):
    account_id, orders = person.pk, set(Order.objects.filter(account=person).values_list("pk", flat=True))
    run_pipeline(forgetting.run, task="analytics.forget", **erase(person).params)
    refresh()

    full_extract(settings, tmp_path / "whole")

    assert traces(account_id, orders) == set()
    settings.FILES_ROOT = tmp_path / "whole"
    assert traces(account_id, orders) == set()


def test_of_an_account_that_stands_amounts_stay_in_the_files_and_nothing_else(person, settings, tmp_path):
    erase_standing(account=person, by=UserFactory())
    job = Job.objects.get(task="analytics.forget")
    run_pipeline(forgetting.run, task=job.task, **job.params)

    named = [path for path in lake_folder().rglob("*.parquet") if NAME.encode() in path.read_bytes()]
    assert named == []
    assert contents() == full_extract(settings, tmp_path / "whole")
    assert contents()["order"].num_rows > 1
    assert person.pk not in contents()["event"]["account_id"].to_pylist()


def test_layers_are_rewritten_too(person, monkeypatch):
    monkeypatch.setattr(layers, "FOLD_AT_LEAST", 1_000)
    account_id, orders = person.pk, set(Order.objects.filter(account=person).values_list("pk", flat=True))
    for amount in (3, 4):
        Order.objects.update(amount_reporting=amount)
        assert refresh().tables["order"].layers

    erase(person)
    forget([account_id])

    assert traces(account_id, orders) == set()


def test_a_reader_may_end_in_peace(person):
    erase(person)
    done = threading.Event()

    def run():
        forget([person.pk])
        done.set()
        connections.close_all()

    with ThreadPoolExecutor() as pool:
        with open_lake() as lake:
            running = pool.submit(run)
            assert not done.wait(1)
            assert lake.tables["order"].count().execute() > 1
            assert not done.is_set()
        running.result(timeout=60)

    assert contents()["order"].num_rows == 1


def test_a_reader_that_never_ends_is_not_waited_for_for_ever(person):
    erase(person)
    with open_lake():
        forget([person.pk], patience=0.2)

    assert contents()["order"].num_rows == 1


def test_an_account_that_was_not_erased_stays_as_it_is(person):
    before = contents()

    forget([person.pk])

    assert contents() == before
