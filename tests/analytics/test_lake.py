"""The lake holds what the database holds, however it got there and whoever gets in the way."""

import io
import json
import os
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import duckdb
import psycopg
import pytest
from django.db import connection, connections

from analytics.lake import LakeMissingError, extracting, open_lake, refresh, refreshing
from analytics.lake.extracting import LOCK, conninfo
from analytics.lake.folders import engine_limits, lake_folder, spill_folder
from analytics.lake.manifest import MANIFEST
from crm.models import Account, Event, Invoice, Order, OrderLine, Payment, Product
from tests.analytics.lake_facts import ago, contents, make_event, make_history, make_order
from tests.config.conftest import wait_for
from tests.factories import AccountFactory, BookFactory, InvoiceFactory, PaymentFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]
# Sorted, these rows take more than 20 MB.
MUCH = """
    SELECT count(*) FROM (
        SELECT row_number() OVER (ORDER BY md5(i::text)) AS place FROM range(400000) AS numbers(i)
    ) WHERE place % 2 = 0
"""


@pytest.fixture
def book():
    return BookFactory()


def execute(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def full_extract(settings, folder):
    """Return what a lake built from nothing holds."""
    usual = settings.FILES_ROOT
    settings.FILES_ROOT = folder
    refresh()
    found = contents()
    settings.FILES_ROOT = usual
    return found


def row_counts():
    return {name: rows.num_rows for name, rows in contents().items()}


def copy_orders(book, account):
    """Add orders as an import does."""
    lines = io.StringIO()
    for _ in range(5):
        placed = ago(random.Random(uuid4().int).uniform(1, 500)).isoformat()
        lines.write(f"{uuid4()}\t{book.pk}\t{account.pk}\tsale\t{uuid4()}\t{placed}\tGBP\t3\t1\t3\n")
    columns = (
        "public_id, book_id, account_id, kind, number, placed_at, currency, amount, rate, amount_reporting"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY crm_order ({columns}) FROM STDIN") as copy:
        copy.write(lines.getvalue())


class Disorder:
    """Random changes of every kind, from a seed."""

    def __init__(self, seed, book):
        self.random = random.Random(seed)
        self.book = book

    def step(self):
        usual, rare = [self.add, self.edit, self.delete, self.copy], [self.delete_account, self.settle]
        self.random.choice([self.add, *usual, *usual, *rare])()

    def some(self, model):
        rows = list(model.objects.order_by("pk"))
        return self.random.choice(rows) if rows else None

    def add(self):
        account = self.some(Account) or AccountFactory(book=self.book)
        if self.random.random() < 0.3:
            account = AccountFactory(book=self.book)
        make_order(account, self.random.uniform(0, 300), self.random.randint(0, 99), lines=2)
        make_event(account, "visit", self.random.uniform(0, 90))
        PaymentFactory(invoice=InvoiceFactory(account=account))

    def edit(self):
        for model, change in (
            (Order, {"amount": Decimal(0), "amount_reporting": Decimal(0)}),
            (OrderLine, {"quantity": Decimal(self.random.randint(1, 9))}),
            (Event, {"kind": self.random.choice(["use", "view"])}),
            (Product, {"is_sold": False}),
        ):
            if row := self.some(model):
                model.objects.filter(pk=row.pk).update(**change)

    def delete(self):
        for model in (OrderLine, Payment, Event):
            if row := self.some(model):
                model.objects.filter(pk=row.pk).delete()

    def delete_account(self):
        if account := self.some(Account):
            account.delete()

    def copy(self):
        copy_orders(self.book, self.some(Account) or AccountFactory(book=self.book))

    def settle(self):
        Invoice.objects.update(amount=Decimal(7))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_refreshing_by_change_equals_a_full_extract(seed, book, settings, tmp_path, monkeypatch):
    for module in (extracting, refreshing):
        monkeypatch.setattr(module, "IDS_PER_FILE", 5)
    disorder = Disorder(seed, book)
    for _ in range(4):
        disorder.add()
    seen = 0

    for round_ in range(4):
        for _ in range(disorder.random.randint(1, 5)):
            disorder.step()
        refresh()

        whole = full_extract(settings, tmp_path / f"whole-{round_}")
        assert contents() == whole
        seen += sum(row_counts().values())
    assert seen > 100


def test_a_transaction_that_commits_late_is_not_lost(book):
    account = AccountFactory(book=book)
    order = make_order(account, 5)
    with psycopg.connect(conninfo()) as late:
        late.execute("UPDATE crm_order SET amount_reporting = 77 WHERE id = %s", [order.pk])
        make_order(account, 4)
        before = refresh()
        assert row_counts()["order"] == 2
        late.commit()

    after = refresh()

    orders = sorted(contents()["order"].to_pylist(), key=lambda row: row["known_from_us"])
    assert before.bound <= after.bound  # the same when an older transaction runs beside these tests
    assert [row["amount_units"] for row in orders if row["id"] == order.pk] == [100_000, 770_000]
    assert [row["known_to_us"] is None for row in orders if row["id"] == order.pk] == [False, True]


def test_an_open_transaction_holds_back_the_moment_until_which_all_is_known(book):
    account = AccountFactory(book=book)
    order = make_order(account, 5)
    with psycopg.connect(conninfo()) as late:
        began = late.execute("SELECT now()").fetchone()[0]
        late.execute("UPDATE crm_order SET amount = 8 WHERE id = %s", [order.pk])

        held_back = refresh()

    assert held_back.complete_until < began
    assert refresh().complete_until > held_back.complete_until


def test_old_versions_stand_beside_the_new_one_without_a_gap_or_an_overlap(book):
    order = make_order(AccountFactory(book=book), 5)
    refresh()
    for amount in (20, 30):
        Order.objects.filter(pk=order.pk).update(amount_reporting=amount)
        refresh()

    versions = [row for row in contents()["order"].to_pylist() if row["id"] == order.pk]

    versions.sort(key=lambda row: row["known_from_us"])
    assert [row["amount_units"] for row in versions] == [100_000, 200_000, 300_000]
    for earlier, later in pairwise(versions):
        assert earlier["known_to_us"] == later["known_from_us"]


def test_a_row_put_back_with_its_old_stamp_is_not_known_twice(book):
    order = make_order(AccountFactory(book=book), 5, lines=0)
    row = Order.objects.filter(pk=order.pk).values().get()
    del row["changed_xid"]
    order.delete()
    refresh()
    Order(**row).save(force_insert=True)
    refresh()

    gone, back = sorted(contents()["order"].to_pylist(), key=lambda row: row["known_from_us"])

    assert back["known_from_us"] == gone["known_to_us"]
    assert back["known_to_us"] is None


def test_the_accounts_that_left_are_not_forgotten(book):
    account = AccountFactory(book=book)
    key = account.pk
    make_order(account, 5)
    refresh()
    account.delete()
    refresh()

    found = contents()

    assert {(row["id"], row["book_id"]) for row in found["account"].to_pylist()} == {(key, book.pk)}
    assert [row["known_to_us"] is None for row in found["order"].to_pylist()] == [False]


def test_an_account_cannot_move_to_another_book(book):
    account = AccountFactory(book=book)

    with pytest.raises(Exception, match="Cannot update rows"):
        Account.objects.filter(pk=account.pk).update(book=BookFactory(code="other"))


@pytest.mark.parametrize("statement", ["TRUNCATE crm_order CASCADE", "TRUNCATE crm_event"])
def test_emptying_a_table_without_triggers_is_noticed(statement, book, settings, tmp_path):
    account = AccountFactory(book=book)
    make_order(account, 5)
    make_event(account, "visit", 5)
    refresh()
    execute(statement)
    refresh()

    assert contents() == full_extract(settings, tmp_path / "whole")
    assert 0 in (row_counts()["order"], row_counts()["event"])


def test_dropping_a_partition_is_noticed(book):
    account = AccountFactory(book=book)
    execute("SELECT sextant_make_partitions('crm_event', '2020-02-01', '2020-02-28')")
    make_event(account, "visit", 5)
    make_event(account, "visit", 50)
    refresh()
    assert row_counts()["event"] == 2

    execute("DROP TABLE crm_event_2020_02")
    refresh()

    assert row_counts()["event"] == 1


def test_money_is_exact_and_an_absurd_amount_breaks_nothing(book):
    account = AccountFactory(book=book)
    make_order(account, 5, Decimal("0.0001"))
    make_order(account, 4, Decimal("999999999999.9999"))
    make_order(account, 3, Decimal("999999999999999.9999"))
    refresh()

    units = sorted(row["amount_units"] for row in contents()["order"].to_pylist())

    assert units == [1, 9_999_999_999_999_999, 9_000_000_000_000_000_000]


def test_without_a_refresh_there_is_no_lake():
    with pytest.raises(LakeMissingError), open_lake():
        pass


@pytest.mark.parametrize("damage", ["delete", "truncate file", "lose a file", "other database", "restored"])
def test_a_lake_that_is_gone_or_not_ours_is_built_again(damage, book, settings, tmp_path):
    make_order(AccountFactory(book=book), 5)
    manifest = refresh()
    path = lake_folder() / MANIFEST
    data = json.loads(path.read_text())
    match damage:
        case "delete":
            path.unlink()
        case "truncate file":
            path.write_text(path.read_text()[:40])
        case "lose a file":
            (lake_folder() / next(iter(manifest.files()))).unlink()
        case "other database":
            path.write_text(json.dumps(data | {"database": "another"}))
        case "restored":
            path.write_text(json.dumps(data | {"bound": manifest.bound + 10_000_000}))
    execute("UPDATE crm_order SET amount_reporting = 5")

    refresh()

    assert contents() == full_extract(settings, tmp_path / "whole")


def test_a_crash_before_the_manifest_leaves_the_old_lake(book, monkeypatch):
    account = AccountFactory(book=book)
    make_order(account, 5)
    refresh()
    make_order(account, 4)
    with monkeypatch.context() as crash:
        crash.setattr(refreshing, "write_manifest", lambda *_: os.strerror(1 / 0))
        with pytest.raises(ZeroDivisionError):
            refresh()
    assert row_counts()["order"] == 1

    refresh()

    assert row_counts()["order"] == 2


def test_a_reader_keeps_what_it_opened(book):
    account = AccountFactory(book=book)
    make_order(account, 5)
    refresh()

    with open_lake() as lake:
        make_order(account, 4)
        refresh()
        held = lake.tables["order"].count().execute()

    assert held == 1
    assert row_counts()["order"] == 2


def test_files_that_nobody_can_hold_any_more_are_removed(book, monkeypatch):
    make_order(AccountFactory(book=book), 5)
    first = refresh()
    orphan = lake_folder() / "order-0-left-by-a-crash.parquet"
    orphan.write_bytes(b"")
    os.utime(orphan, (0, 0))
    execute("UPDATE crm_order SET amount_reporting = 5")

    second = refresh()

    assert not orphan.exists()
    late = first.files() - second.files()
    assert late
    assert all((lake_folder() / name).exists() for name in late)
    monkeypatch.setattr(refreshing, "KEPT_FOR_READERS", timedelta(0))
    third = refresh()
    assert {path.name for path in lake_folder().glob("*.parquet")} == third.files()


def test_what_does_not_fit_into_memory_is_spilled_and_nothing_of_it_stays():
    shutil.rmtree(lake_folder(), ignore_errors=True)  # as before the first night
    with engine_limits(memory_limit="20MB", threads=1) as limits, duckdb.connect(config=limits) as link:
        half = link.execute(MUCH).fetchone()

    assert half == (200_000,)
    assert list(spill_folder(lake_folder()).iterdir()) == []


def test_a_second_refresh_waits_for_the_first(book, settings, tmp_path):
    make_order(AccountFactory(book=book), 5)
    done = threading.Event()

    def run():
        refresh()
        done.set()
        connections.close_all()

    with psycopg.connect(conninfo(), autocommit=True) as other, ThreadPoolExecutor() as pool:
        other.execute("SELECT pg_advisory_lock(%s, %s)", LOCK)
        running = pool.submit(run)
        wait_for(lambda: _waiting(other))
        assert not done.is_set()
        other.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK)
        running.result(timeout=60)

    assert contents() == full_extract(settings, tmp_path / "whole")


def _waiting(link):
    return link.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()


def test_many_refreshes_at_once_end_in_one_whole_lake(book, settings, tmp_path):
    account = AccountFactory(book=book)

    def run(number):
        make_order(account, number)
        refresh()
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(8)))

    assert contents() == full_extract(settings, tmp_path / "whole")
    assert row_counts()["order"] == 8


def test_progress_is_told_table_by_table():
    make_history()
    told = []

    refresh(progress=lambda **step: told.append((step["phase"], step["done"], step["total"])))

    assert told[-1] == ("extract", len(told), len(told))
