"""Scoring what changed gives the very numbers that scoring everything gives."""

import pytest

from analytics import features
from analytics.lake import open_lake, open_slice, refresh
from crm.models import Account, Order
from tests.analytics.lake_facts import AS_OF, make_history
from tests.analytics.test_leak import add_facts, delete_accounts, delete_facts, edit_facts, import_facts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.fixture
def book(lake_home):
    made = make_history()
    for happening in (add_facts, edit_facts, delete_facts, delete_accounts, import_facts):
        happening(made)
    first, *others = Order.objects.order_by("pk").values_list("account_id", flat=True).distinct()
    Order.objects.filter(account=first).update(account=others[-1])  # as merging two accounts does
    return made


def matrices(lake, book, account_ids, as_of, names):
    known = {"book_id": book.pk, "as_of": as_of, "account_ids": account_ids}
    others = (
        features.repeat_summary(lake.tables, **known),
        features.purchases(lake.tables, **known, days_back=36_500),
    )
    tables = [
        features.collect_features(lake.connection, lake.tables, **known, names=names),
        *(features.collect(expression) for expression in others),
    ]
    return [features.to_matrix(table) for table in tables]


@pytest.mark.parametrize("moment", ["then", pytest.param("now", marks=pytest.mark.long)])
def test_a_slice_gives_the_bytes_that_the_lake_gives(book, moment):
    refresh()
    ids = list(Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True))[::2]
    with open_slice(ids) as part, open_lake() as lake:
        as_of = AS_OF if moment == "then" else lake.manifest.complete_until
        everybody = features.collect_features(lake.connection, lake.tables, book_id=book.pk, as_of=as_of)
        names = features.to_matrix(everybody).names
        found, expected = (matrices(each, book, ids, as_of, names) for each in (part, lake))

    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.values.size > 0
        assert ours.account_ids.tolist() == theirs.account_ids.tolist()
        assert ours.names == theirs.names
        assert ours.values.tobytes() == theirs.values.tobytes()


def test_a_slice_needs_no_lake_and_sees_what_was_written_just_now(book):
    order = Order.objects.order_by("-pk").first()
    Order.objects.filter(pk=order.pk).update(amount_reporting=77)

    with open_slice([order.account_id]) as part:
        rows = part.tables["order"].to_pyarrow().to_pylist()

    assert [row["amount_units"] for row in rows if row["id"] == order.pk][-1] == 770_000
    assert {row["account_id"] for row in rows if row["known_to_us"] is None} == {order.account_id}
