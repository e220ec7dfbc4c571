"""The same expressions give the same numbers in DuckDB, in PostgreSQL and in Spark."""

import importlib.util
import shutil

import numpy as np
import pytest

from analytics import features
from analytics.lake import open_lake, refresh
from tests.analytics.lake_facts import AS_OF, ago, make_history
from tests.analytics.test_leak import HAPPENINGS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

HAS_SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
needs_spark = pytest.mark.skipif(not HAS_SPARK, reason="needs the extra [spark] and a Java runtime")


@pytest.fixture
def book(lake_home):
    """Make a history to which everything has happened, so that there are old versions of all."""
    made = make_history()
    for happening in HAPPENINGS:
        happening(made)
    refresh()
    return made


def numbers(book, settings, url):
    """Return every table that the models read, computed by the engine of this address."""
    settings.ANALYTICS_URL = url
    with open_lake() as lake:
        found = {}
        for when, as_of in (("then", AS_OF), ("later", lake.manifest.complete_until)):
            known = {"book_id": book.pk, "as_of": as_of}
            past = {"book_id": book.pk, "cutoff": ago(100), "known_at": as_of, "horizon_days": 90}
            for name, expression in {
                "features": features.compute(lake.tables, **known),
                "repeats": features.repeat_summary(lake.tables, **known),
                "purchases": features.purchases(lake.tables, **known, days_back=36_500),
                "some": features.compute(lake.tables, **known, account_ids=_some(lake, known)),
                "labels": features.no_order_within(lake.tables, **past),
            }.items():
                found[f"{when}.{name}"] = features.to_matrix(features.collect(expression))
        return found


def _some(lake, known):
    accounts = features.collect(features.active_accounts(lake.tables, **known | {"as_of": AS_OF}))
    return accounts["account_id"].to_pylist()[:3]


def assert_equal(found, expected):
    """Counts and sums are exact; logarithms and roots differ between C and Java in the last bit."""
    assert found.keys() == expected.keys()
    for name, matrix in expected.items():
        assert matrix.values.size > 0, name
        assert found[name].names == matrix.names, name
        np.testing.assert_array_equal(found[name].account_ids, matrix.account_ids, err_msg=name)
        np.testing.assert_allclose(found[name].values, matrix.values, rtol=1e-13, err_msg=name)


def test_postgresql_computes_what_duckdb_computes(book, settings):
    expected = numbers(book, settings, "duckdb://")

    assert_equal(numbers(book, settings, "postgresql://"), expected)


@needs_spark
@pytest.mark.spark
def test_spark_computes_what_duckdb_computes(book, settings):
    expected = numbers(book, settings, "duckdb://")

    options = "spark.master=local[2]&spark.driver.bindAddress=127.0.0.1&spark.driver.host=127.0.0.1"
    assert_equal(numbers(book, settings, f"pyspark://?{options}&spark.sql.shuffle.partitions=2"), expected)


def test_restricting_the_accounts_changes_no_value(book, settings):
    found = numbers(book, settings, "duckdb://")

    some, all_ = found["then.features"], found["then.some"]
    assert 0 < all_.account_ids.size < some.account_ids.size
    rows = np.searchsorted(some.account_ids, all_.account_ids)
    columns = [some.names.index(name) for name in all_.names]
    assert some.values[np.ix_(rows, columns)].tobytes() == all_.values.tobytes()
    assert all_.names == some.names
