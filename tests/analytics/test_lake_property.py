"""Whatever several connections do at once, in whatever order they commit: the lake equals a full extract.

Refreshes fall between open transactions, and some of them die between two files.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from random import Random
from uuid import uuid4

import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.lake import extracting, layers, refresh, refreshing
from analytics.lake.extracting import conninfo
from analytics.lake.folders import lake_folder
from analytics.lake.manifest import read_manifest
from crm.models import Account, Book, Product
from crm.models.base import Fact
from tests.analytics.lake_facts import contents, make_attribute
from tests.analytics.test_lake import full_extract
from tests.databases import empty_tables
from tests.factories import BookFactory, ProductFactory
from tests.proof.conftest import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

FULL = os.environ.get("SEXTANT_PROOF") == "full"
CONNECTIONS = 3
FACTS = [model._meta.db_table for model in Fact.__subclasses__()]
ACCOUNT = """
INSERT INTO crm_account (book_id, kind, name, industry, country, currency, stage, attributes)
SELECT %(book)s, 'organisation', 'A' || i, '', 'GB', 'GBP', 'customer', '{}' FROM generate_series(1, %(n)s) i
"""
ORDERS = """
WITH made AS (
    INSERT INTO crm_order (public_id, book_id, account_id, kind, number, placed_at, currency, amount, rate,
                           amount_reporting)
    SELECT gen_random_uuid(), book_id, id, 'sale', gen_random_uuid()::text,
           now() - %(n)s * interval '9 days', 'GBP', %(n)s, 1, %(n)s
    FROM crm_account, generate_series(1, %(n)s)
    WHERE id = (SELECT id FROM crm_account ORDER BY id OFFSET %(k)s LIMIT 1) RETURNING id
)
INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price, amount, amount_reporting)
SELECT id, %(product)s, 1 + i, 2, 2, 2 FROM made, generate_series(1, 2) i
"""
EVENTS = """
INSERT INTO crm_event (kind, at, account_id, visitor, term, source, campaign_code, key)
SELECT 'visit', now() - i * interval '20 days', a.id, '', '', '', '', '' FROM
(SELECT id FROM crm_account ORDER BY id OFFSET %(k)s LIMIT 1) a, generate_series(1, %(n)s) i
"""
TICKETS = """
INSERT INTO crm_ticket (account_id, kind, state, priority, subject, text, opened_at, is_simulated)
SELECT a.id, 'complaint', 'open', 2, 'Late', '', now() - i * interval '20 days', i %% 2 = 0 FROM
(SELECT id FROM crm_account ORDER BY id OFFSET %(k)s LIMIT 1) a, generate_series(1, %(n)s) i
"""
INVOICES = """
WITH made AS (
    INSERT INTO crm_invoice (public_id, book_id, account_id, number, issued_at, due_at, currency, amount,
                             rate, amount_reporting)
    SELECT gen_random_uuid(), book_id, id, gen_random_uuid()::text, now(), now() + interval '9 days', 'GBP',
           5, 1, 5
    FROM crm_account ORDER BY id OFFSET %(k)s LIMIT %(n)s RETURNING id, account_id
)
INSERT INTO crm_payment (public_id, account_id, invoice_id, paid_at, currency, amount, rate, amount_reporting)
SELECT gen_random_uuid(), account_id, id, now(), 'GBP', 3, 1, 3 FROM made
"""
VALUES = """
UPDATE crm_attributevalue SET valid_to = now() + interval '1 second'
WHERE account_id IN (SELECT id FROM crm_account ORDER BY id OFFSET %(k)s LIMIT 1) AND valid_to IS NULL;
INSERT INTO crm_attributevalue (account_id, attribute_id, value, valid_from)
SELECT id, %(attribute)s, to_jsonb(%(n)s::int), now() FROM crm_account ORDER BY id OFFSET %(k)s LIMIT 1
"""
ONE = "(SELECT id FROM {table} ORDER BY id OFFSET %(k)s LIMIT %(n)s)"
DELETE_ACCOUNT = "; ".join(
    [
        f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM crm_{parent} WHERE account_id = any(%(ids)s))"
        for table, column, parent in (("crm_orderline", "order_id", "order"),)
    ]
    + [
        f"DELETE FROM {table} WHERE account_id = any(%(ids)s)"
        for table in (
            "crm_payment",
            "crm_order",
            "crm_invoice",
            "crm_event",
            "crm_ticket",
            "crm_attributevalue",
        )
    ]
    + ["DELETE FROM crm_account WHERE id = any(%(ids)s)"]
)
STATEMENTS = {
    "accounts": ACCOUNT,
    "orders": ORDERS,
    "events": EVENTS,
    "tickets": TICKETS,
    "invoices": INVOICES,
    "values": VALUES,
    "edit orders": "UPDATE crm_order SET amount_reporting = %(n)s WHERE id IN "
    + ONE.format(table="crm_order"),
    "edit lines": "UPDATE crm_orderline SET quantity = %(n)s WHERE id IN "
    + ONE.format(table="crm_orderline"),
    "edit events": "UPDATE crm_event SET kind = 'use' WHERE id IN " + ONE.format(table="crm_event"),
    "solve tickets": "UPDATE crm_ticket SET state = 'solved', solved_at = now() WHERE id IN "
    + ONE.format(table="crm_ticket"),
    "edit payments": "UPDATE crm_payment SET amount_reporting = 4 WHERE id IN "
    + ONE.format(table="crm_payment"),
    "edit products": "UPDATE crm_product SET is_sold = NOT is_sold WHERE id IN "
    + ONE.format(table="crm_product"),
    "delete lines": "DELETE FROM crm_orderline WHERE id IN " + ONE.format(table="crm_orderline"),
    "delete events": "DELETE FROM crm_event WHERE id IN " + ONE.format(table="crm_event"),
    "delete tickets": "DELETE FROM crm_ticket WHERE id IN " + ONE.format(table="crm_ticket"),
    "delete payments": "DELETE FROM crm_payment WHERE id IN " + ONE.format(table="crm_payment"),
    "move orders": "UPDATE crm_order SET account_id = (SELECT min(id) FROM crm_account) WHERE id IN "
    + ONE.format(table="crm_order"),
}
IN_THE_WAY = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.CheckViolation,  # two values of one moment
)
STEPS = st.one_of(
    *[
        st.tuples(
            st.just("run"),
            st.integers(0, CONNECTIONS - 1),
            st.sampled_from([*STATEMENTS, "copy", "delete account", "undo"]),
            st.integers(0, 12),
            st.integers(1, 3),
        )
    ]
    * 4,
    st.tuples(st.just("commit"), st.integers(0, CONNECTIONS - 1)),
    st.tuples(st.just("roll back"), st.integers(0, CONNECTIONS - 1)),
    st.tuples(st.just("refresh")),
    st.tuples(st.just("killed refresh"), st.integers(0, 14)),
)


class KilledError(BaseException):
    """Ends a refresh in the middle of a file, as `kill -9` does."""


class World:
    """A book, and connections of which each has a transaction open most of the time."""

    def __init__(self):
        empty_tables()
        self.book = BookFactory(code=uuid4().hex[:12])
        self.product = ProductFactory(book=self.book)
        self.attribute = make_attribute("size", "number")
        self.links = [psycopg.connect(conninfo()) for _ in range(CONNECTIONS)]
        for link in self.links:
            link.execute("SET lock_timeout = '150ms'")
            link.commit()
        self.run(0, "accounts", 0, 3)
        self.run(0, "orders", 1, 3)
        self.links[0].commit()

    def run(self, number, what, k, n):
        """Do it, or nothing of it where another open transaction is in the way."""
        link = self.links[number]
        known = {"book": self.book.pk, "product": self.product.pk, "attribute": self.attribute.pk}
        with suppress(*IN_THE_WAY), link.transaction():
            if what == "copy":
                self.copy(link, n)
            elif what == "undo":
                with link.transaction() as undone:
                    link.execute(ORDERS, {**known, "k": k, "n": n})
                    raise psycopg.Rollback(undone)
            elif what == "delete account":
                found = link.execute("SELECT id FROM crm_account ORDER BY id OFFSET %s LIMIT 1", [k])
                ids = [row[0] for row in found.fetchall()]
                for statement in DELETE_ACCOUNT.split("; "):
                    link.execute(statement, {"ids": ids})
            else:
                for statement in STATEMENTS[what].split(";\n"):
                    link.execute(statement, {**known, "k": k, "n": n})

    def copy(self, link, n):
        account = link.execute("SELECT min(id) FROM crm_account").fetchone()[0]
        if account is None:
            return
        columns = "kind, at, account_id, visitor, term, source, campaign_code, key"
        with link.cursor() as cursor, cursor.copy(f"COPY crm_event ({columns}) FROM STDIN") as copy:
            for day in range(n):
                copy.write_row(("view", f"2026-01-{day + 1} 00:00Z", account, "", "", "", "", ""))

    def commit(self, number):
        link = self.links[number]
        try:
            link.commit()
        except psycopg.errors.IntegrityError:  # a key that was checked late: nothing of it stays
            link.rollback()

    def roll_back(self, number):
        self.links[number].rollback()

    def close(self):
        for link in self.links:
            link.close()


def refresh_killed_at(file, monkeypatch):
    """Die while the given file, or the manifest, is half written."""
    left = [file]
    write, replace_manifest = pq.write_table, refreshing.write_manifest

    def write_or_die(rows, path, **options):
        write(rows, path, **options)
        if left[0] == 0:
            path.write_bytes(path.read_bytes()[:40])
            raise KilledError
        left[0] -= 1

    with monkeypatch.context() as patched:
        patched.setattr(refreshing.pq, "write_table", write_or_die)
        patched.setattr(refreshing, "write_manifest", lambda *_: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            refresh()
    assert refreshing.write_manifest is replace_manifest


def tell(world, steps, monkeypatch, check):
    for step in steps:
        match step:
            case ("run", number, what, k, n):
                world.run(number, what, k, n)
            case ("commit", number):
                world.commit(number)
            case ("roll back", number):
                world.roll_back(number)
            case ("refresh",):
                refresh()
                check()
            case ("killed refresh", file):
                refresh_killed_at(file, monkeypatch)
    for number in range(CONNECTIONS):
        world.commit(number)
    refresh()
    check()


@pytest.fixture(params=["folding at once", pytest.param("folding late", marks=pytest.mark.long)])
def small_files(request, monkeypatch):
    """Few rows a file, so that a handful of rows has files, layers and folding."""
    for module in (extracting, refreshing):
        monkeypatch.setattr(module, "IDS_PER_FILE", 5)
    late = request.param == "folding late"
    monkeypatch.setattr(layers, "FOLD_AT_LEAST", 30 if late else 0)
    monkeypatch.setattr(layers, "FOLD_SHARE", 0.5)
    monkeypatch.setattr(layers, "SMALL", 1)
    monkeypatch.setattr(layers, "GROWTH", 1)
    return request.param


def test_the_refreshed_lake_equals_a_full_extract(small_files, settings_, tmp_path, monkeypatch):
    layered = []

    @settings(
        max_examples=100 if FULL else 4,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # what failed is printed; to make it shorter would take hours
    )
    @given(st.lists(STEPS, min_size=8, max_size=40))
    def explore(steps):
        world = World()
        settings_.FILES_ROOT = tmp_path / uuid4().hex

        def check():
            assert contents() == full_extract(settings_, tmp_path / uuid4().hex)
            manifest = read_manifest(lake_folder())
            layered.append(max(len(table.layers) for table in manifest.tables.values()))

        try:
            refresh()
            tell(world, steps, monkeypatch, check)
        finally:
            world.close()

    explore()
    if small_files == "folding at once":
        assert max(layered) <= 1


@pytest.fixture
def settings_(settings):
    return settings


REFRESHING = """
import django; django.setup()
from analytics.lake import extracting, layers, refresh, refreshing
extracting.IDS_PER_FILE = refreshing.IDS_PER_FILE = 5  # as in this process: both write one lake
layers.FOLD_AT_LEAST, layers.FOLD_SHARE, layers.SMALL, layers.GROWTH = {least}, 0.5, 1, 1
print("ready", flush=True)
while True:
    refresh()
"""


def test_refreshes_that_are_killed_for_good_leave_a_whole_lake(small_files, settings_, tmp_path):
    """Three real processes, each shot while it refreshes as fast as it can and rows arrive."""
    world, random = World(), Random(7)
    refresh()
    command = [sys.executable, "-c", REFRESHING.format(least=layers.FOLD_AT_LEAST)]
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "FILES_ROOT": str(settings_.FILES_ROOT),
        "SECRET_KEY": "only-for-the-processes-of-a-proof",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    for round_ in range(10 if FULL else 2):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        process.stdout.readline()
        deadline = time.monotonic() + random.uniform(0.2, 1.2)
        while time.monotonic() < deadline:
            what = random.choice([*STATEMENTS, "copy", "delete account"])
            world.run(round_ % CONNECTIONS, what, random.randint(0, 12), random.randint(1, 3))
            world.commit(round_ % CONNECTIONS)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        refresh()
        assert contents() == full_extract(settings_, tmp_path / uuid4().hex)
    world.close()
    assert Account.objects.exists()
    assert Book.objects.count() == 1
    assert Product.objects.count() == 1
