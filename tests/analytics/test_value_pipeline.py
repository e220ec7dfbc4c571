"""Expected value of a book: contracts and orders, from facts to published numbers."""

import numpy as np
import pytest

from analytics import features
from analytics.lake import open_lake, refresh
from analytics.ml.value import CustomerValue
from analytics.ml.value_book import BookValue
from analytics.ml.value_contract import ContractSurvival
from analytics.pipelines import value
from analytics.pipelines.contracts import LEAST_ENDED, Contracts, learn_contracts, still_to_pay
from analytics.pipelines.value import Buyers, _new_values
from analytics.templatetags.models import value_warning_words
from crm.models import Organisation, Value
from tests.analytics.lake_facts import AS_OF, ago, make_order, make_subscription
from tests.factories import AccountFactory, BookFactory, ProductFactory

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def book(lake_home):
    return BookFactory(code="past")


def lake_rows(make, **parameters):
    refresh()
    with open_lake() as lake:
        return make(lake.tables, **parameters).to_pyarrow().to_pylist()


def test_subscriptions_by_what_they_bring_and_how_long_they_ran(book):
    running, ended, later = AccountFactory.create_batch(3, book=book)
    product = ProductFactory(book=book)
    make_subscription(running, product, 200)
    make_subscription(ended, product, 200, cancelled=50)
    make_subscription(later, product, 20, cancelled=-5)

    found = lake_rows(features.contracts, book_id=book.pk, as_of=AS_OF)

    assert {row["account_id"]: (row["amount_30"], row["run_days"], row["ended"]) for row in found} == {
        running.pk: (12, 200, 0), ended.pk: (12, 150, 1), later.pk: (12, 20, 0),
    }  # fmt: skip


def test_purchases_of_a_day_and_who_came_with_them(book):
    first, second = AccountFactory.create_batch(2, book=book)
    for account, days in ((first, 100), (first, 100), (first, 60), (second, 60), (second, 30)):
        make_order(account, days)

    found = lake_rows(features.daily_purchases, book_id=book.pk, as_of=AS_OF)

    assert [(row["purchases"], row["newcomers"]) for row in found] == [(1, 1), (2, 1), (1, 0)]
    assert [found[i + 1]["day"] - found[i]["day"] for i in (0, 1)] == [40, 30]


def test_a_book_of_subscriptions_is_valued_by_how_long_they_run(book):
    Organisation.objects.get_or_create(id=1, defaults={"name": "Larder and Loft"})
    product = ProductFactory(book=book)
    customers = AccountFactory.create_batch(60, book=book)
    for number, account in enumerate(customers):
        make_subscription(account, product, 300 + number, cancelled=5 * number + 1 if number < 25 else None)
    refresh()

    with open_lake() as lake:
        version = value.train(lake, book, AS_OF)
        published = value.publish(lake, book, AS_OF)

    assert version.state == "live"
    assert version.metrics["contracts"]["ended"] == 25
    assert published == {"customer_value": 35}
    one = Value.objects.get(account=customers[40])
    assert one.low < one.amount < one.high
    assert 0 < one.amount < 12 * 365 / 30
    assert one.details["contracts"] == pytest.approx(float(one.amount), abs=1e-3)
    assert not Value.objects.filter(account=customers[3]).exists()


def test_too_few_endings_teach_nothing(book):
    product = ProductFactory(book=book)
    for account in AccountFactory.create_batch(3, book=book):
        make_subscription(account, product, 100, cancelled=10)
    refresh()

    with open_lake() as lake:
        assert value.train(lake, book, ago(0)) is None
    few = Contracts(np.arange(90), np.ones(90), np.ones(90), np.arange(90) < LEAST_ENDED - 1)
    assert learn_contracts(few) is None


def test_orders_and_contracts_of_an_account_are_added():
    rng = np.random.default_rng(0)
    frequency = rng.poisson(2.0, 300).astype(float)
    history = np.column_stack(
        [frequency, np.where(frequency > 0, 90.0, 0.0), np.full(300, 100.0), [25.0] * 300]
    )
    orders = CustomerValue().fit(*history.T)
    contracts = Contracts(np.array([1, 1, 900]), np.array([10.0, 5, 7]), np.ones(3), np.zeros(3, dtype=bool))
    survival = ContractSurvival().fit(rng.exponential(20, 80), rng.random(80) < 0.5)
    owed = still_to_pay(survival, contracts, 365)
    buyers = Buyers(np.array([1, 2]), history[:2])

    both, only_orders, only_contract = _new_values(orders, buyers, owed, 365)

    plain = orders.forecast(*history[:2].T, horizon=365.0)
    assert both.amount == pytest.approx(plain.expected[0] + owed[1].expected)
    assert both.low <= both.amount <= both.high
    assert "contracts" not in only_orders.details
    assert (only_contract.account_id, only_contract.amount) == (900, owed[900].expected)
    assert owed[1].expected == pytest.approx(15 / 7 * owed[900].expected)


def test_warnings_of_a_model_are_sentences():
    found = value_warning_words({"code": "few_repeaters", "repeaters": 3})

    assert found.startswith("Only 3 customers ever came back")


def test_a_model_that_was_stored_before_there_were_contracts_is_still_read():
    model = CustomerValue()

    assert BookValue.of(model).orders is model
    assert BookValue.of(model).contracts is None
