"""The data-quality pages: every rule in words, and the rows behind each number.

Those of what stands in the tables are tried in test_standing_quality_pages.py.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Import, RuleCount, RuleHit
from crm.pipelines.imports.books import LAYOUTS
from crm.selectors.rule_words import RULES, words_of
from tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def source():
    made = Import.objects.create(
        book=BookFactory(name="Lanterns"),
        layout="online_retail",
        columns=["Invoice", "Price", "Customer ID"],
        file_name="orders.parquet",
        sha256="0" * 64,
        state="done",
        rows_read=1_200,
        counts={"orders": {"inserted": 900, "updated": 4}},
    )
    add_rule(made, "no_customer", "rejected", 60)
    add_rule(made, "no_quantity", "rejected", 0)
    return made


def add_rule(source, code, verdict, rows):
    position = RuleCount.objects.filter(source_import=source).count()
    RuleCount.objects.create(source_import=source, rule=code, verdict=verdict, position=position, rows=rows)
    RuleHit.objects.bulk_create(
        RuleHit(
            source_import=source,
            rule=code,
            verdict=verdict,
            row_number=number,
            field="Invoice",
            row={"Customer ID": None, "Invoice": f"A{number:03d}", "Price": 1.5},
        )
        for number in range(1, rows + 1)
    )


def rule_page(source, code="no_customer"):
    return reverse("crm:quality-rule", args=[source.public_id, code])


def test_every_rule_has_words_and_no_words_are_left_over():
    codes = {rule.code for layout in LAYOUTS.values() for rule in layout.rules}

    assert codes == set(RULES)
    assert words_of("of_an_older_version").title == "of_an_older_version"


def test_the_list_shows_each_rule_with_count_share_and_examples(analyst_client, source):
    page = analyst_client.get(reverse("crm:data-quality")).text

    assert "Lanterns" in page
    assert "1,200 rows read" in page
    assert "1 of 2 rules caught something" in page
    assert "5.0" in page
    assert "A001" in page
    assert "A004" not in page
    assert "No quantity" in page


def test_rules_that_caught_nothing_lead_nowhere(analyst_client, source):
    page = analyst_client.get(reverse("crm:data-quality")).text

    assert rule_page(source) in page
    assert rule_page(source, "no_quantity") not in page


def test_a_rule_shows_its_rows_as_in_the_file_fifty_at_a_time(analyst_client, source):
    first = analyst_client.get(rule_page(source))
    second = analyst_client.get(rule_page(source), {"after": first.context["page"].next_cursor})

    assert [number for number, *_ in first.context["rows"]] == list(range(1, 51))
    assert [number for number, *_ in second.context["rows"]] == list(range(51, 61))
    assert first.context["columns"] == ["Invoice", "Price", "Customer ID"]
    assert first.text.index("Price") < first.text.index("Customer ID")


def test_htmx_gets_the_rows_only(analyst_client, source):
    part = analyst_client.get(rule_page(source), headers={"HX-Request": "true"})

    assert "<html" not in part.text
    assert "A001" in part.text


def test_an_unknown_rule_or_import_is_not_found(analyst_client, source):
    assert analyst_client.get(rule_page(source, "made_up")).status_code == 404
    assert (
        analyst_client.get(reverse("crm:quality-rule", args=[source.book.public_id, "x"])).status_code == 404
    )


def test_salespeople_may_not_look(sales_client, source):
    assert sales_client.get(reverse("crm:data-quality")).status_code == 403
    assert sales_client.get(rule_page(source)).status_code == 403


def test_the_list_takes_as_many_queries_for_many_imports(analyst_client, source, django_assert_num_queries):
    analyst_client.get(reverse("crm:data-quality"))  # the organisation's zone is known for a while
    with CaptureQueriesContext(connection) as one:
        analyst_client.get(reverse("crm:data-quality"))
    for number in range(3):
        more = Import.objects.create(book=source.book, layout=str(number), file_name="f", sha256="1" * 64)
        add_rule(more, "no_price", "rejected", 2)

    with django_assert_num_queries(len(one)):
        analyst_client.get(reverse("crm:data-quality"))


def test_without_imports_the_page_says_what_belongs_here(analyst_client):
    assert "Nothing imported yet" in analyst_client.get(reverse("crm:data-quality")).text
