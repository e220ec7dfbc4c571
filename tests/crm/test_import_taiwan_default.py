"""The bank's book: statements, payments, attributes with their history, and outcomes."""

from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet
import pytest
from django.db import transaction
from django.db.models import Count, F, Max, Q, Sum

from crm.models import (
    Account,
    AttributeDefinition,
    AttributeValue,
    Book,
    ExchangeRate,
    ExternalId,
    Import,
    Invoice,
    Outcome,
    Payment,
    RuleCount,
)
from crm.pipelines.imports.taiwan_default import TAIWAN_DEFAULT
from tests.demo_data import load_book

pytestmark = pytest.mark.django_db

SAMPLE = 300


@pytest.fixture(scope="module")
def bank(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        yield load_book("bank", limit=SAMPLE)
        transaction.set_rollback(True)


def client_of(row_number):
    """Return the account and the file's row of one client."""
    known = ExternalId.objects.get(source="taiwan_default", kind="account", value=str(row_number))
    row = pyarrow.parquet.read_table(TAIWAN_DEFAULT.path).slice(row_number - 1, 1).to_pylist()[0]
    return Account.objects.get(pk=known.row_id), row


def some_client():
    return client_of(int(ExternalId.objects.filter(source="taiwan_default")[7].value))


def test_every_client_has_six_statements_oldest_first(bank):
    account, row = some_client()
    statements = account.invoices.order_by("issued_at")

    assert Invoice.objects.count() == 6 * SAMPLE
    assert [int(bill.amount) for bill in statements] == [row[f"BILL_AMT{k}"] for k in (6, 5, 4, 3, 2, 1)]
    assert not Invoice.objects.exclude(known_at=F("issued_at")).exists()


def test_payments_belong_to_the_statement_of_the_month_before(bank):
    account, row = some_client()
    statements = list(account.invoices.order_by("issued_at"))
    paid = {payment.invoice_id: payment.amount for payment in account.payments.all()}
    expected = [row[f"PAY_AMT{k}"] for k in (6, 5, 4, 3, 2, 1)]

    assert [int(paid.get(bill.pk, 0)) for bill in statements[:5]] == expected[1:]
    assert int(paid.get(None, 0)) == expected[0]
    assert not Payment.objects.filter(amount__lte=0).exists()
    assert not Payment.objects.filter(invoice__isnull=False).exclude(paid_at=F("invoice__due_at")).exists()


def test_money_is_reported_at_the_fixed_rate(bank):
    rate = ExchangeRate.objects.get(base="TWD", quote="GBP")

    assert rate.source == "fixed rate for the demo"
    assert not Invoice.objects.exclude(rate=rate.rate).exists()
    assert Invoice.objects.aggregate(n=Sum(F("amount") * F("rate") - F("amount_reporting")))["n"] == 0


def test_attributes_have_their_history_and_present_value(bank):
    account, row = some_client()
    status = AttributeValue.objects.filter(account=account, attribute__key="repayment_status")
    values = list(status.order_by("valid_from").values_list("value", "valid_to"))

    assert [value for value, _ in values] == [row[f"PAY_{k}"] for k in (6, 5, 4, 3, 2, 0)]
    assert [until is None for _, until in values] == [False] * 5 + [True]
    assert account.attributes["repayment_status"] == row["PAY_0"]
    assert account.attributes["credit_limit"] == row["LIMIT_BAL"]
    assert account.attributes["education"] in AttributeDefinition.objects.get(key="education").choices


def test_sensitive_attributes_are_never_known_before(bank):
    sensitive = AttributeDefinition.objects.filter(is_sensitive=True)

    assert set(sensitive.values_list("key", flat=True)) == {"sex", "age", "marriage"}
    assert not sensitive.filter(is_known_before=True).exists()


def test_outcomes_are_settled_a_month_after_everything_that_may_be_used(bank):
    book = Book.objects.get(code="bank")
    cutoffs = Outcome.objects.aggregate(n=Count("cutoff_at", distinct=True), at=Max("cutoff_at"))

    assert Outcome.objects.count() == SAMPLE
    assert cutoffs["n"] == 1
    last_moment = book.ends_at - timedelta(seconds=1)
    assert not Outcome.objects.exclude(kind="default", observed_at=last_moment).exists()
    assert not Invoice.objects.filter(issued_at__gte=cutoffs["at"]).exists()
    assert not AttributeValue.objects.filter(valid_from__gte=cutoffs["at"]).exists()
    assert 0 < Outcome.objects.filter(happened=True).count() < SAMPLE / 2


def test_nothing_in_the_book_lies_beyond_its_end(bank):
    book = Book.objects.get(code="bank")

    assert not Payment.objects.filter(paid_at__gte=book.ends_at).exists()
    assert not Payment.objects.filter(Q(paid_at__lt=book.starts_at)).exists()


def test_sums_reconcile_with_the_file(bank):
    known = set(ExternalId.objects.filter(source="taiwan_default").values_list("value", flat=True))
    rows = pyarrow.parquet.read_table(TAIWAN_DEFAULT.path).to_pylist()
    ours = [row for number, row in enumerate(rows, start=1) if str(number) in known]

    assert len(ours) == SAMPLE
    assert Invoice.objects.aggregate(n=Sum("amount"))["n"] == sum_of(ours, "BILL_AMT")
    assert Payment.objects.aggregate(n=Sum("amount"))["n"] == sum_of(ours, "PAY_AMT")
    assert Outcome.objects.filter(happened=True).count() == sum_of(ours, "default")


def sum_of(rows, prefix):
    return Decimal(sum(value for row in rows for name, value in row.items() if name.startswith(prefix)))


def test_undocumented_codes_are_kept_and_counted(bank):
    counts = dict(RuleCount.objects.values_list("rule", "rows"))

    assert counts["repayment_undocumented"] > SAMPLE / 2
    assert counts["education_undocumented"] >= 0
    assert not RuleCount.objects.filter(verdict="rejected", rows__gt=0).exists()
    assert Account.objects.count() == SAMPLE


def test_names_look_like_names_and_no_two_are_alike(bank):
    assert Account.objects.filter(name__regex=r"^[A-Z][a-z]+ [A-Z][a-z]*-[a-z]+$").count() == SAMPLE
    assert Account.objects.values("name").distinct().count() == SAMPLE
    assert not Account.objects.filter(owner=None).exists()


def test_reading_the_file_again_writes_nothing(bank):
    Import.objects.update(state="cancelled")

    again = load_book("bank", limit=SAMPLE).result["written"]

    assert all(counts == {"inserted": 0, "updated": 0} for counts in again.values())
