"""Nothing that became known after a moment changes what is computed as of it, to the last bit.

History is made, features are computed, and then everything that can happen to it afterwards does:
facts are added, edited, deleted, dated back and imported, and every column of every table is
changed. The same test must catch features that leak on purpose, or it would prove nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from ibis import _

from analytics import features
from analytics.features import computing
from analytics.features.known import Known
from analytics.lake import open_lake, refresh
from analytics.lake.folders import lake_folder
from crm.models import Account, AttributeValue, Event, Order, OrderLine, Payment, Ticket, Visitor
from crm.models.base import DeletedKey, Fact
from crm.services.bin import move_to_bin, restore
from crm.services.visitors import Person, join_visitor
from tests.analytics.lake_facts import (
    AS_OF,
    ago,
    make_attribute,
    make_event,
    make_history,
    make_order,
    make_ticket,
)
from tests.factories import AccountFactory, InvoiceFactory, PaymentFactory, TrackedSiteFactory, UserFactory
from tests.settled import wait_until_known

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

# What may not be changed at all, or is not about accounts. Everything else is changed below.
FIXED = {
    ("crm_account", "book_id"),  # the database refuses
    # Which features there are is a setting of today; none of their values is in these columns.
    ("crm_attributedefinition", "is_known_before"),
    ("crm_attributedefinition", "key"),
    ("crm_attributedefinition", "type"),
}
# Columns that hang together are changed together.
TOGETHER = {
    ("crm_order", "kind"): "amount = -amount, kind = CASE kind WHEN 'sale' THEN 'return' ELSE 'sale' END",
}


def computed(book) -> dict[str, tuple[str, bytes]]:
    """Return every number that is computed as of the moment, by name, bit by bit."""
    refresh()
    with open_lake() as lake:
        tables, known = lake.tables, {"book_id": book.pk, "as_of": AS_OF}
        past = {"book_id": book.pk, "cutoff": ago(100), "known_at": AS_OF}
        expressions = {
            "features": features.compute(tables, **known),
            "active": features.active_accounts(tables, **known),
            "repeats": features.repeat_summary(tables, **known),
            "purchases": features.purchases(tables, **known),
            "ordered": features.order_within(tables, **past, horizon_days=90),
            "churned": features.no_order_within(tables, **past, horizon_days=90),
            "outcomes": features.outcomes(tables, kind="default", **past | {"cutoff": ago(120)}),
        }
        found = {}
        for part, expression in expressions.items():
            rows = features.collect(expression)
            assert rows.num_rows > 0
            for name in rows.column_names:
                matrix = features.to_matrix(rows, names=[name])
                found[f"{part}.{name}"] = (str(matrix.account_ids.tolist()), matrix.values.tobytes())
        return found


def differing(before, after) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


@pytest.fixture
def book(lake_home):
    book = make_history()
    for number in range(3):  # of whom nobody knows yet who they are
        Event.objects.create(visitor=f"1-{number}", kind="visit", at=ago(9), known_at=ago(9))
    return book


def add_facts(book) -> None:
    for account in [*Account.objects.filter(book=book), AccountFactory(book=book)]:
        make_order(account, -3, 500)
        make_order(account, 33, 999, known_at=ago(-1))  # dated back
        make_order(account, 2, -400, known_at=ago(0))  # learnt at the very moment
        make_event(account, "search", -2)
        invoice = InvoiceFactory(account=account, issued_at=ago(1), known_at=ago(-1))
        PaymentFactory(invoice=invoice, paid_at=ago(0.5), known_at=ago(-1))
        make_ticket(account, -1, kind="complaint")
        make_ticket(account, 40, solved=30, known_at=ago(-1))  # dated back
        make_ticket(account, 1, known_at=ago(0))
    AttributeValue.objects.create(
        account=account, attribute=make_attribute("late", "number"), value=7, valid_from=ago(100)
    )


def edit_facts(book) -> None:
    Order.objects.filter(book=book).update(cancelled_at=ago(30))
    OrderLine.objects.update(quantity=99)
    Payment.objects.update(amount_reporting=1)
    Event.objects.update(at=ago(60))
    Ticket.objects.filter(kind="question").update(kind="complaint", state="closed", solved_at=ago(1))
    Ticket.objects.filter(kind="fault").update(state="open", solved_at=None, opened_at=ago(70))


def delete_facts(book) -> None:
    for model in (OrderLine, Payment, Event, Ticket):
        half = model.objects.order_by("pk").values_list("pk", flat=True)[::2]
        model.objects.filter(pk__in=list(half)).delete()
    Order.objects.filter(book=book).latest("pk").delete()


def delete_accounts(book) -> None:
    by = UserFactory()
    first, second, third, *_ = Account.objects.filter(book=book).order_by("-pk")
    first.delete()
    restore(entry=move_to_bin(account=second, by=by))
    move_to_bin(account=third, by=by)


def import_facts(book) -> None:
    account = Account.objects.filter(book=book).earliest("pk")
    columns = "public_id, book_id, account_id, kind, number, placed_at, currency, amount, rate"
    statement = f"COPY crm_order ({columns}, amount_reporting) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for days in range(50):
            placed = ago(days).isoformat()
            copy.write_row((uuid4(), book.pk, account.pk, "sale", f"imported {days}", placed, "GBP", 9, 1, 9))
    columns = "account_id, kind, state, priority, subject, text, opened_at, is_simulated"
    with connection.cursor() as cursor, cursor.copy(f"COPY crm_ticket ({columns}) FROM STDIN") as copy:
        for days in range(50):
            opened = ago(days).isoformat()
            copy.write_row((account.pk, "complaint", "open", 2, "Imported", "", opened, False))


def join_visitors(book) -> None:
    site = TrackedSiteFactory(book=book)
    for number, account in enumerate(Account.objects.filter(book=book).order_by("pk")[:3]):
        visitor = Visitor.objects.create(site=site, key=f"1-{number}")
        assert join_visitor(visitor_id=visitor.pk, person=Person(account.pk), how=Visitor.Joined.FORM) == 1


def change_every_column(book) -> None:
    unchanged = set()
    for model in apps.get_app_config("crm").get_models():
        if model is DeletedKey or (model.__name__.endswith("Event") and model is not Event):
            continue  # the database's own record of what happens here
        for field in model._meta.concrete_fields:
            if not field.primary_key and not change_column(model, field):
                unchanged.add((model._meta.db_table, field.column))
    with_rows = {model._meta.db_table for model in Fact.__subclasses__()} | {"crm_account", "crm_product"}
    assert {column for column in unchanged if column[0] in with_rows} == set()


def change_column(model, field) -> bool:
    """Change the column in every row that allows it, and say whether any did."""
    table, column = model._meta.db_table, field.column
    if (table, column) in FIXED:
        return True
    changed = False
    for assignment in assignments(model, field):
        for key in model._base_manager.values_list("pk", flat=True):
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(f"UPDATE {table} SET {assignment} WHERE id = %s", [key])
                    changed = True
            except DatabaseError:
                continue
        if changed:
            break
    return changed


BY_TYPE = {
    models.DateField: (
        "coalesce({0}, '2019-06-01') - interval '33 days'",
        "coalesce({0}, '2020-06-01') + interval '33 days'",
    ),
    models.BooleanField: ("NOT {0}",),
    models.JSONField: ("'98765'", "'{{}}'"),
    models.UUIDField: ("uuidv7()",),
    models.CharField: ("left(md5({0} || id), 2)", "left({0} || 'x', 3)"),
    models.TextField: ("{0} || 'x'",),
    models.Field: ("coalesce({0}::text, '0')::numeric * 2 + 3", "coalesce({0}, 0) * 2 - 3", "'1'"),
}


def assignments(model, field) -> Iterator[str]:
    """Yield changes of the column, of which the database may refuse some."""
    table, column = model._meta.db_table, field.column
    if (table, column) in TOGETHER:
        yield TOGETHER[table, column]
    if field.is_relation:
        target = field.related_model._meta.db_table
        yield f"{column} = (SELECT max(id) FROM {target} WHERE id IS DISTINCT FROM {table}.{column})"
    for code in dict(field.choices or ()):
        yield f"{column} = CASE {column} WHEN '{code}' THEN '{code}x' ELSE '{code}' END"
    expressions = next(BY_TYPE[kind] for kind in BY_TYPE if isinstance(field, kind))
    for expression in expressions:
        yield f"{column} = {expression.format(column)}"


HAPPENINGS = [
    join_visitors, add_facts, edit_facts, delete_facts, delete_accounts, import_facts, change_every_column,
]  # fmt: skip


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda happening: happening.__name__)
def test_what_happens_later_changes_no_number_of_an_earlier_moment(happening, book):
    before = computed(book)

    happening(book)

    assert differing(before, computed(book)) == set()


def test_all_of_it_together_changes_nothing_and_neither_does_a_lake_built_from_nothing(book):
    before = computed(book)

    for happening in HAPPENINGS:
        happening(book)
        refresh()

    assert differing(before, computed(book)) == set()
    for path in filter(Path.is_file, lake_folder().iterdir()):
        path.unlink()
    assert differing(before, computed(book)) == set()


def test_the_changes_do_show_in_the_present(book):
    with open_lake_after_refresh() as lake:
        before = features.collect(features.compute(lake.tables, book_id=book.pk, as_of=later()))

    for happening in HAPPENINGS:
        happening(book)

    wait_until_known()
    with open_lake_after_refresh() as lake:
        after = features.collect(features.compute(lake.tables, book_id=book.pk, as_of=later()))
    assert before.num_rows > 0
    assert before != after


def open_lake_after_refresh():
    refresh()
    return open_lake()


def later():
    return refresh().complete_until


def leak_by_forgetting_versions(known: Known):
    """Leak on purpose: the present form of the orders, dated as if it had always been so."""
    orders = known.tables["order"].filter(_.known_to_us.isnull(), _.placed_us < known.moment)
    return orders.group_by("account_id").aggregate(leak_orders=_.amount_units.sum().cast("float64"))


def leak_by_reading_ahead(known: Known):
    """Leak on purpose: whether an order that stood at the moment was cancelled some day."""
    orders = known.tables["order"].filter(_.known_to_us.isnull())
    return orders.group_by("account_id").aggregate(leak_cancelled=_.cancelled_us.count().cast("float64"))


@pytest.mark.parametrize(
    ("leak", "name"),
    [
        (leak_by_forgetting_versions, "features.leak_orders"),
        (leak_by_reading_ahead, "features.leak_cancelled"),
    ],
)
def test_a_leaking_feature_is_caught(leak, name, book, monkeypatch):
    monkeypatch.setattr(computing, "PARTS", (*computing.PARTS, leak))
    before = computed(book)

    edit_facts(book)
    import_facts(book)

    assert differing(before, computed(book)) == {name}
