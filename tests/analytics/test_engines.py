"""The same expressions give the same numbers in DuckDB, in PostgreSQL and in Spark."""

import importlib.util
import shutil
from urllib.parse import urlencode

import numpy as np
import pytest

from analytics import features
from analytics.lake import open_lake, refresh
from tests.analytics.lake_facts import AS_OF, ago, make_history
from tests.analytics.test_leak import add_facts, delete_accounts, delete_facts, edit_facts, import_facts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

HAS_SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
needs_spark = pytest.mark.skipif(not HAS_SPARK, reason="needs the extra [spark] and a Java runtime")


# Small queries on a small machine: compiling them well costs more than it saves.
SPARK = "pyspark://?" + urlencode(
    {
        "spark.master": "local[2]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
)


@pytest.fixture
def book(lake_home):
    """Make a history to which much has happened, so that there are old versions of all."""
    made = make_history()
    for happening in (add_facts, edit_facts, delete_facts, delete_accounts, import_facts):
        happening(made)
    refresh()
    return made


def computed(tables, book, as_of):
    """Return everything that the models read, as of the moment."""
    known = {"book_id": book.pk, "as_of": as_of}
    past = {"book_id": book.pk, "cutoff": ago(100), "known_at": as_of, "horizon_days": 90}
    expressions = {
        "features": features.compute(tables, **known),
        "repeats": features.repeat_summary(tables, **known),
        "purchases": features.purchases(tables, **known, days_back=36_500),
        "products": features.product_figures(tables, **known, days_back=36_500).rename(
            account_id="product_id"
        ),
        "labels": features.no_order_within(tables, **past),
    }
    return {name: features.to_matrix(features.collect(e)) for name, e in expressions.items()}


def numbers(book, settings, url):
    settings.ANALYTICS_URL = url
    with open_lake() as lake:
        then = computed(lake.tables, book, AS_OF)
        later = features.compute(lake.tables, book_id=book.pk, as_of=lake.manifest.complete_until)
        return then | {"later": features.to_matrix(features.collect(later))}


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

    assert_equal(numbers(book, settings, SPARK), expected)


def test_a_query_that_is_asked_again_gives_what_a_new_one_gives(book):
    with open_lake() as lake:
        for as_of in (AS_OF, lake.manifest.complete_until):
            known = {"book_id": book.pk, "as_of": as_of}
            expected = features.to_matrix(features.collect(features.compute(lake.tables, **known)))
            known["names"] = expected.names
            ids = expected.account_ids[::3]
            found = features.collect_features(lake.connection, lake.tables, **known)
            some = features.collect_features(lake.connection, lake.tables, **known, account_ids=ids.tolist())

            found, some = features.to_matrix(found), features.to_matrix(some)
            assert found.names == some.names == expected.names
            assert found.account_ids.tolist() == expected.account_ids.tolist()
            assert some.account_ids.tolist() == ids.tolist()
            assert found.values.tobytes() == expected.values.tobytes()
            assert some.values.tobytes() == expected.values[::3].tobytes()


def test_restricting_the_accounts_changes_no_value(book):
    with open_lake() as lake:
        known = {"book_id": book.pk, "as_of": AS_OF}
        everyone = features.to_matrix(features.collect(features.compute(lake.tables, **known)))
        wanted = everyone.account_ids[::3].tolist()
        some = features.compute(lake.tables, **known, account_ids=wanted, names=everyone.names)
        matrix = features.to_matrix(features.collect(some))

    assert matrix.names == everyone.names
    assert 0 < len(wanted) < everyone.account_ids.size
    assert matrix.account_ids.tolist() == wanted
    assert matrix.values.tobytes() == everyone.values[::3].tobytes()
