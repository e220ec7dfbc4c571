import pytest
from django.db import connection

from crm.models import Account, OrderLine, Score
from crm.services.generated_sql import TABLES
from crm.services.generation import DatabaseNotEmptyError, Size, generate

CATALOGUE = """
    SELECT indexrelid::regclass::text,
        pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' not in all partitions' END
    FROM pg_index
    WHERE indrelid = ANY(%(tables)s::regclass[])
    UNION ALL
    SELECT conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = ANY(%(tables)s::regclass[]) AND convalidated
    ORDER BY 1, 2
"""


def catalogue() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUE, {"tables": list(TABLES)})
        return list(cursor.fetchall())


@pytest.mark.django_db
def test_leaves_indexes_and_constraints_as_they_were():
    before = catalogue()

    generate(size=Size(accounts=300, orders=500, events=200))

    assert catalogue() == before
    assert len(before) > 60


@pytest.mark.django_db
def test_makes_as_many_rows_as_asked_for_and_orders_that_add_up():
    generate(size=Size(accounts=300, orders=500, events=200))

    assert Account.objects.count() == 300
    assert OrderLine.objects.count() == 2_500
    assert Score.objects.filter(kind="churn").count() == 300
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM crm_order o WHERE amount <> "
            "(SELECT sum(amount) FROM crm_orderline WHERE order_id = o.id)"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_the_same_seed_makes_the_same_book():
    names = []
    for _ in range(2):
        generate(size=Size(accounts=50, orders=10, events=0, seed=7))
        names.append(list(Account.objects.order_by("pk").values_list("name", "country", "attributes")))
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE crm_organisation, crm_book, crm_user, crm_team RESTART IDENTITY CASCADE")

    assert names[0] == names[1]


@pytest.mark.django_db
def test_refuses_a_database_that_holds_accounts():
    generate(size=Size(accounts=10, orders=0, events=0))

    with pytest.raises(DatabaseNotEmptyError):
        generate(size=Size(accounts=10, orders=0, events=0))
