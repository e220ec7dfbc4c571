"""A book that is divided among workers gives the very numbers that it gives in one piece."""

import numpy as np
import pytest

from analytics import features
from analytics.features.known import microseconds
from analytics.lake import PartMissingError, cut, forget, open_lake, open_part, refresh, remove_part
from analytics.lake.folders import lake_folder
from crm.models import Account, Order
from tests.analytics.lake_facts import AS_OF, make_history
from tests.analytics.test_leak import add_facts, delete_accounts, delete_facts, edit_facts, import_facts
from tests.analytics.test_slices import matrices

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.fixture
def book(lake_home):
    """Make a book with a past: facts edited, deleted, moved to another account, and layers on top."""
    made = make_history()
    refresh()
    for happening in (add_facts, edit_facts, delete_facts, delete_accounts, import_facts):
        happening(made)
    first, *others = Order.objects.order_by("pk").values_list("account_id", flat=True).distinct()
    Order.objects.filter(account=first).update(account=others[-1])  # as merging two accounts does
    refresh()
    return made


def account_ids(book):
    return list(Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True))


def cut_in_three(lake, book, as_of):
    ids = account_ids(book)
    ranges = [(part[0], part[-1]) for part in (ids[:3], ids[3:4], ids[4:])]
    return cut(lake, book_id=book.pk, moment=microseconds(as_of), ranges=ranges), ranges


@pytest.mark.parametrize("moment", ["then", pytest.param("now", marks=pytest.mark.long)])
def test_parts_give_the_bytes_that_the_lake_gives(book, moment):
    with open_lake() as lake:
        as_of = AS_OF if moment == "then" else lake.manifest.complete_until
        name, ranges = cut_in_three(lake, book, as_of)
        whole = features.to_matrix(
            features.collect_features(lake.connection, lake.tables, book_id=book.pk, as_of=as_of)
        )
        seen = 0
        for number, (low, high) in enumerate(ranges):
            ids = [pk for pk in account_ids(book) if low <= pk <= high]
            expected = matrices(lake, book, ids, as_of, whole.names)
            with open_part(name, number) as part:
                found = matrices(part, book, ids, as_of, whole.names)

            for ours, theirs in zip(found, expected, strict=True):
                assert ours.account_ids.tolist() == theirs.account_ids.tolist()
                assert ours.names == theirs.names
                assert ours.values.tobytes() == theirs.values.tobytes()
            seen += found[0].account_ids.size
    assert seen == np.isin(whole.account_ids, account_ids(book)).sum() > 3


def test_a_part_holds_its_own_accounts_and_nobody_else(book):
    with open_lake() as lake:
        name, ranges = cut_in_three(lake, book, lake.manifest.complete_until)

    low, high = ranges[0]
    with open_part(name, 0) as part:
        owners = [part.tables[each].account_id.to_pyarrow().to_pylist() for each in ("order", "event")]
        sold = part.tables["order_line"].order_id.to_pyarrow().to_pylist()
        orders = part.tables["order"].id.to_pyarrow().to_pylist()
    assert all(low <= pk <= high for each in owners for pk in each)
    assert owners[0]
    assert set(sold) <= set(orders)


def test_a_part_that_is_gone_is_missed_and_never_taken_for_an_empty_one(book):
    with open_lake() as lake:
        name, _ranges = cut_in_three(lake, book, lake.manifest.complete_until)
    next((lake_folder() / "spill" / name / "order").glob("part=1/*.parquet")).unlink()
    remove_part(name, 0)

    for number in (0, 1):
        with pytest.raises(PartMissingError), open_part(name, number):
            pass
    with open_part(name, 2) as part:
        assert part.tables["order"].count().execute() > 0


def test_what_is_left_of_the_parts_goes_with_the_last_one(book):
    with open_lake() as lake:
        name, ranges = cut_in_three(lake, book, lake.manifest.complete_until)
    with open_part(name, 0) as part:
        for number in range(len(ranges)):
            remove_part(name, number)

        assert part.tables["order"].count().execute() > 0  # it has been read already
    assert not (lake_folder() / "spill" / name).exists()


def test_erasing_somebody_takes_the_parts_along(book):
    with open_lake() as lake:
        name, _ranges = cut_in_three(lake, book, lake.manifest.complete_until)

    forget(account_ids(book)[:1])

    with pytest.raises(PartMissingError), open_part(name, 1):
        pass
