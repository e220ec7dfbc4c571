"""Every other kind of rows: written once, left alone the second time, refused with what was wrong."""

from decimal import Decimal

import pytest
from django.db import connection

from campaigns.models import AdResult, Campaign, Enrolment, Response
from crm.models import Contact, Event, Invoice, Payment, Product, Subscription, Ticket
from tests.factories import (
    NOW,
    AccountFactory,
    BookFactory,
    ExternalIdFactory,
    InvoiceFactory,
    ProductFactory,
)
from tests.importing import committed, refusals, undone, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def customer():
    account = AccountFactory(book=BookFactory(), name="Customer 17")
    ExternalIdFactory(source="erp", value="17", row_id=account.pk)
    ProductFactory(book=account.book, code="A")
    return account


@pytest.fixture
def campaign(customer):
    made = Campaign.objects.create(
        book=customer.book, name="Spring", code="spring", channel="email", starts_at=NOW, ends_at=NOW,
        cost_amount=0, currency="GBP", salt="x",
    )  # fmt: skip
    Enrolment.objects.create(campaign=made, account=customer, arm="treated", propensity=0.9, enrolled_at=NOW)
    return made


GOOD = {
    "contacts": (Contact, {"Customer ID": "17", "Name": "Ann Lee", "Email": "ann@example.com"}),
    "products": (Product, {"Code": "B", "Name": "Brush", "Price": "3.20", "Active": "yes"}),
    "subscriptions": (
        Subscription,
        {"Customer": "17", "Plan": "A", "Start date": "2026-01-01", "Fee": "30", "ID": "s1"},
    ),
    "invoices": (
        Invoice,
        {"Invoice no": "R1", "Customer": "17", "Date": "2026-01-01", "Due date": "2026-01-31", "Total": "90"},
    ),
    "payments": (Payment, {"Customer": "17", "Payment date": "2026-01-20", "Amount": "90"}),
    "events": (Event, {"Event": "view", "Timestamp": "2026-01-05T10:00:00Z", "Customer": "17", "SKU": "A"}),
    "tickets": (
        Ticket,
        {"Customer": "17", "Subject": "Broken", "Created": "2026-01-05", "Status": "solved",
         "Solved": "2026-01-06"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_row_arrives_once(kind):
    model, row = GOOD[kind]
    before = model.objects.count()

    made = committed(kind, [row])
    assert verdicts(made) == {"create": 1}
    assert model.objects.count() == before + 1

    again = committed(kind, [row])
    assert verdicts(again) == {"skip": 1}
    assert model.objects.count() == before + 1


def test_tickets_of_a_file_of_history_were_known_when_they_were_opened():
    _model, row = GOOD["tickets"]
    committed("tickets", [row], is_history=True)
    committed("tickets", [{**row, "Subject": "Late"}])

    history, news = Ticket.objects.order_by("pk")
    assert history.known_at == history.opened_at
    assert news.known_at > news.opened_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_ticket_past")
        assert cursor.fetchone() == (0,)


def test_an_imported_ticket_that_is_taken_back_was_known_until_then():
    made = committed("tickets", [GOOD["tickets"][1]])
    ticket = Ticket.objects.get()

    undone(made)

    assert not Ticket.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, known_at, known_to > known_at FROM crm_ticket_past")
        assert cursor.fetchall() == [(ticket.pk, ticket.known_at, True)]


@pytest.mark.parametrize(
    ("kind", "changes", "wrong"),
    [
        ("contacts", {"Customer ID": "99"}, ("Customer ID", "99", "unknown_account")),
        ("contacts", {"Email": "ann at example"}, ("Email", "ann at example", "not_an_email")),
        ("contacts", {"Name": ""}, ("Name", "", "required")),
        ("products", {"Price": "-1"}, ("Price", "-1", "is_negative")),
        ("subscriptions", {"Plan": "Z"}, ("Plan", "Z", "unknown_product")),
        ("invoices", {"Due date": "2025-01-01"}, ("Due date", "2025-01-01", "due_before_issue")),
        ("payments", {"Customer": ""}, ("Customer", "", "required")),
        ("events", {"Event": "danced"}, ("Event", "danced", "unknown_choice")),
        ("tickets", {"Solved": ""}, ("Solved", "", "required")),
        ("tickets", {"Status": "open"}, ("Status", "open", "open_and_solved")),
    ],
)
def test_a_bad_row_is_refused_with_column_and_value(kind, changes, wrong):
    _, row = GOOD[kind]
    extra = {"Invoice": {"field": "invoice"}} if kind == "payments" else {}
    rows = [{**row, **changes, **({"Invoice": ""} if extra else {})}]

    made = committed(kind, rows, mapping=extra)

    assert verdicts(made) == {"refuse": 1}
    assert refusals(made) == {1: [wrong]}


def test_a_number_that_stands_twice_counts_once():
    _, row = GOOD["invoices"]

    made = committed("invoices", [row, {**row, "Total": "91"}])

    assert verdicts(made) == {"create": 1, "refuse": 1}
    assert refusals(made) == {2: [("Invoice no", "R1", "doubled_in_file")]}
    assert made.quarantined.get().errors[0]["data"] == {"first": 1}
    assert Invoice.objects.get().amount == 90


def test_two_rows_that_mean_the_same_contact_count_once():
    committed("contacts", [{"Customer ID": "17", "Name": "Ann Lee", "ID": "c1", "Email": "ann@example.com"}])

    made = committed(
        "contacts",
        [
            {"Customer ID": "17", "Name": "Ann B. Lee", "ID": "c1", "Email": ""},
            {"Customer ID": "17", "Name": "A. Lee", "ID": "", "Email": "ann@example.com"},
        ],
    )

    assert verdicts(made) == {"update": 1, "refuse": 1}
    assert Contact.objects.get().name == "Ann B. Lee"


def test_an_empty_cell_leaves_alone_what_stands():
    committed("contacts", [{"Customer ID": "17", "Name": "Ann Lee", "ID": "c1", "Phone": "+44 1"}])

    made = committed("contacts", [{"Customer ID": "17", "Name": "Ann Lee", "ID": "c1", "Phone": ""}])

    assert verdicts(made) == {"skip": 1}
    assert Contact.objects.get().phone == "+44 1"


def test_a_payment_finds_its_account_by_its_invoice(customer):
    invoice = InvoiceFactory(account=customer, number="R7")

    committed("payments", [{"Invoice": "R7", "Payment date": "2026-01-20", "Amount": "90"}])

    payment = Payment.objects.get()
    assert (payment.account, payment.invoice, payment.amount) == (customer, invoice, Decimal(90))


def test_repeated_events_are_stored_once():
    _, row = GOOD["events"]

    made = committed("events", [row, row, {**row, "SKU": ""}])

    assert verdicts(made) == {"create": 2, "skip": 1}
    assert Event.objects.count() == 2


def test_the_first_response_of_each_kind_is_kept(campaign):
    row = {"Campaign": "spring", "Customer": "17", "Action": "clicked", "Date": "2026-03-05"}

    made = committed("responses", [row, {**row, "Date": "2026-03-06"}])
    again = committed("responses", [row])
    earlier = committed("responses", [{**row, "Date": "2026-03-04"}])

    assert [verdicts(one) for one in (made, again, earlier)] == [
        {"create": 1, "skip": 1},
        {"skip": 1},
        {"update": 1},
    ]
    assert Response.objects.get().at.day == 4


def test_a_response_needs_campaign_and_enrolment(campaign):
    stranger = AccountFactory(book=campaign.book)
    ExternalIdFactory(source="erp", value="18", row_id=stranger.pk)
    row = {"Campaign": "spring", "Customer": "18", "Action": "clicked", "Date": "2026-03-05"}

    made = committed("responses", [row, {**row, "Campaign": "autumn"}])

    assert refusals(made) == {
        1: [("Customer", "18", "not_enrolled")],
        2: [("Campaign", "autumn", "unknown_campaign")],
    }


def test_advertising_results_are_corrected_by_the_next_file():
    row = {"Ad": "a1", "Date": "2026-03-05", "Spend": "12.50", "Impressions": "1000", "Clicks": "20"}

    assert verdicts(committed("ad_results", [row])) == {"create": 1}
    assert verdicts(committed("ad_results", [row])) == {"skip": 1}
    assert verdicts(committed("ad_results", [{**row, "Clicks": "21"}])) == {"update": 1}
    refused = committed("ad_results", [{**row, "Clicks": "2000"}])

    assert refusals(refused) == {1: [("Clicks", "2000", "more_clicks_than_impressions")]}
    assert AdResult.objects.get().clicks == 21
