"""Leads and events: made once, whole or not at all, and only about one's own accounts."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Account, Activity, Change, Event, EventKey, MatchKey, PartnerAccount, SourceDay
from tests.factories import AccountFactory, ProductFactory
from tests.partner_api import Caller

LEAD = {
    "name": "Harbour Lights",
    "country": "GB",
    "contact": {"name": "Lin Hall", "email": "lin@example.com"},
}


def visit(**details):
    return {"kind": "visit", "at": (timezone.now() - timedelta(hours=1)).isoformat(), **details}


def errors_of(answer):
    assert answer.status_code == 400
    return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}


@pytest.mark.django_db
def test_a_lead_becomes_an_account_of_the_partner(partner_key):
    answer = partner_key.post("/leads/", LEAD | {"note": "Met at the fair", "external_id": "L-1"})

    assert answer.status_code == 201
    account = Account.objects.get(public_id=answer.json()["data"]["id"])
    assert (account.stage, account.book, account.currency) == ("lead", partner_key.partner.book, "GBP")
    assert account.contacts.get().email == "lin@example.com"
    assert PartnerAccount.objects.get(account=account).role == "referred"
    assert Activity.objects.get(account=account).text == "Met at the fair"
    assert Change.objects.get(kind="lead.created").account_id == account.pk
    assert answer.headers["Location"].endswith(f"/api/v1/accounts/{account.public_id}/")
    assert partner_key.get(f"/accounts/{account.public_id}/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, ("/name", "blank")),
        ({"name": "x" * 201}, ("/name", "max_length")),
        ({"name": "a\u0000b"}, ("/name", "null_characters_not_allowed")),
        ({"country": "gb"}, ("/country", "invalid")),
        ({"kind": "club"}, ("/kind", "invalid_choice")),
        ({"contact": {"name": "Lin"}}, ("/contact", "unreachable")),
        ({"contact": {"name": "Lin", "email": "no"}}, ("/contact/email", "invalid")),
        ({"contact": None}, ("/contact", "null")),
        ({"owner": "sara"}, ("/owner", "unknown_field")),
    ],
)
def test_says_what_is_wrong_with_a_lead(partner_key, changes, error):
    assert error in errors_of(partner_key.post("/leads/", LEAD | changes))
    assert not Account.objects.exists()


@pytest.mark.django_db
def test_a_lead_is_held_against_those_we_know_by_website_and_tax_number(partner_key):
    lead = LEAD | {"website": "https://www.harbour.example", "tax_id": "GB 123 4567 82"}

    answer = partner_key.post("/leads/", lead)

    assert answer.json()["data"]["website"] == "https://www.harbour.example"
    assert "tax_id" not in answer.json()["data"]
    keys = dict(MatchKey.objects.values_list("kind", "key"))
    assert (keys["tax_id"], keys["domain"]) == ("GB123456782", "harbour.example")


@pytest.mark.django_db
def test_the_same_request_again_makes_no_second_lead(partner_key):
    first = partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"})
    again = partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"})
    other = partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "two"})

    assert first.status_code == again.status_code == other.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Account.objects.count() == 2


@pytest.mark.django_db
def test_an_idempotency_key_stands_for_one_request(partner_key):
    partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"})

    changed = partner_key.post("/leads/", LEAD | {"name": "Other"}, **{"Idempotency-Key": "one"})
    elsewhere = Caller.make().post("/leads/", LEAD, **{"Idempotency-Key": "one"})

    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    assert elsewhere.status_code == 201
    assert "Idempotent-Replayed" not in elsewhere.headers


@pytest.mark.django_db
def test_a_refused_lead_does_not_use_up_its_key(partner_key):
    partner_key.post("/leads/", LEAD | {"name": ""}, **{"Idempotency-Key": "one"})

    assert partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"}).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed"])
def test_refuses_an_idempotency_key_that_is_none(partner_key, key):
    answer = partner_key.post("/leads/", LEAD, **{"Idempotency-Key": key})

    assert errors_of(answer) == {("/Idempotency-Key", "idempotency_key_invalid")}


@pytest.mark.django_db
def test_a_lead_that_is_gone_is_not_made_again(partner_key):
    partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"})
    Account.objects.get().delete()

    again = partner_key.post("/leads/", LEAD, **{"Idempotency-Key": "one"})

    assert (again.status_code, again.json()["code"]) == (409, "lead_gone")


@pytest.mark.django_db
def test_an_external_id_names_one_account_of_a_partner(partner_key):
    first = partner_key.post("/leads/", LEAD | {"external_id": "L-1"}).json()["data"]["id"]

    again = partner_key.post("/leads/", LEAD | {"external_id": "L-1"})
    elsewhere = Caller.make().post("/leads/", LEAD | {"external_id": "L-1"})

    assert (again.status_code, again.json()["code"]) == (409, "external_id_taken")
    assert first in again.json()["detail"]
    assert elsewhere.status_code == 201


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_with_one_key_make_one_lead():
    caller = Caller.make()
    answers = []

    def send():
        answers.append(caller.post("/leads/", LEAD, **{"Idempotency-Key": "one"}))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert Account.objects.count() == 1


@pytest.mark.django_db
def test_stores_a_batch_of_events(partner_key):
    account = partner_key.account()
    product = ProductFactory(book=account.book)
    sent = [
        visit(account_id=str(account.public_id), key="1", campaign_code="spring"),
        visit(account_id=str(account.public_id), kind="view", product_code=product.code),
        visit(visitor="v-77", kind="search", term="lamp", duration_seconds=3.5),
    ]

    answer = partner_key.post("/events/", {"events": sent})

    assert answer.status_code == 201
    assert answer.json() == {"data": {"stored": 3, "duplicates": 0}}
    stored = Event.objects.order_by("id").values_list("kind", "account_id", "product_id", "visitor")
    assert list(stored) == [
        ("visit", account.pk, None, ""),
        ("view", account.pk, product.pk, ""),
        ("search", None, None, "v-77"),
    ]
    told = Change.objects.get(kind="event.received")
    assert (told.account_id, told.data) == (account.pk, {"events": 2})


@pytest.mark.django_db
def test_ignores_events_that_came_before(partner_key):
    events = [visit(visitor="v", key="1"), visit(visitor="v", key="2"), visit(visitor="v", key="1")]
    partner_key.post("/events/", {"events": events[:1]})

    answer = partner_key.post("/events/", {"events": events})
    elsewhere = Caller.make().post("/events/", {"events": events[:1]})

    assert answer.json()["data"] == {"stored": 1, "duplicates": 2}
    assert elsewhere.json()["data"] == {"stored": 1, "duplicates": 0}
    assert Event.objects.count() == EventKey.objects.count() == 3


@pytest.mark.django_db
def test_a_batch_counts_for_its_day_with_what_it_left_out(partner_key):
    account = partner_key.account()
    events = [
        visit(account_id=str(account.public_id), page="/a", key="a"), visit(visitor="v-77"),
        visit(visitor="v-77", source="news", page="/b"), visit(visitor="v-77", page="/c"),
    ]  # fmt: skip

    partner_key.post("/events/", {"events": events})
    partner_key.post("/events/", {"events": events[:1]})  # again, so that nothing is stored

    day = SourceDay.objects.get()
    assert (day.book, day.source) == (
        partner_key.partner.book, f"partner:{partner_key.partner.public_id}"
    )  # fmt: skip
    assert (day.kind, day.rows) == ("events", 4)
    assert day.missing == {"account": 0.75, "page": 0.25, "source": 0.75}


@pytest.mark.django_db
def test_one_wrong_event_stops_the_batch(partner_key):
    theirs = Caller.make().account()
    events = [
        visit(visitor="fine", key="1"),
        visit(account_id=str(theirs.public_id)),
        visit(account_id=str(uuid4())),
        visit(visitor="v", product_code="none"),
    ]

    answer = partner_key.post("/events/", {"events": events})

    assert errors_of(answer) == {
        ("/events/1/account_id", "account_unknown"),
        ("/events/2/account_id", "account_unknown"),
        ("/events/3/product_code", "product_unknown"),
    }
    assert not Event.objects.exists()
    assert not EventKey.objects.exists()


@pytest.mark.django_db
def test_says_what_is_wrong_with_each_event(partner_key):
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    events = [
        visit(visitor="v", at=later),
        visit(visitor="v", at="2026-01-05T10:00:00"),
        visit(visitor="v", at="1999-01-05T10:00:00Z"),
        visit(),
        visit(visitor="v", duration_seconds=-1),
        visit(visitor="v", duration_seconds=10**400),
        visit(visitor="v", at=None),
        visit(visitor="v", nonsense=1),
        7,
    ]

    answer = partner_key.post("/events/", {"events": events})

    assert errors_of(answer) == {
        ("/events/0/at", "in_the_future"),
        ("/events/1/at", "no_offset"),
        ("/events/2/at", "too_old"),
        ("/events/3", "nobody"),
        ("/events/4/duration_seconds", "min_value"),
        ("/events/5/duration_seconds", "overflow"),
        ("/events/6/at", "null"),
        ("/events/7/nonsense", "unknown_field"),
        ("/events/8", "invalid"),
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "code"), [(0, "empty"), (1_001, "max_length")])
def test_a_batch_has_one_to_a_thousand_events(partner_key, count, code):
    answer = partner_key.post("/events/", {"events": [visit(visitor="v")] * count})

    assert errors_of(answer) == {("/events", code)}


@pytest.mark.django_db
def test_stores_two_hundred_events_with_as_many_queries_as_three(partner_key):
    account = partner_key.account()
    AccountFactory()

    def queries(count: int) -> int:
        events = [visit(account_id=str(account.public_id), key=f"{count}-{n}") for n in range(count)]
        with CaptureQueriesContext(connection) as captured:
            assert partner_key.post("/events/", {"events": events}).status_code == 201
        return len(captured)

    queries(1)

    assert queries(3) == queries(200)


@pytest.mark.django_db(transaction=True)
def test_two_batches_at_once_with_the_same_keys_store_each_event_once():
    caller = Caller.make()
    events = [visit(visitor="v", key=str(n)) for n in range(50)]
    answers = []

    def send(batch):
        answers.append(caller.post("/events/", {"events": batch}))
        connections.close_all()

    threads = [threading.Thread(target=send, args=[batch]) for batch in (events, events[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(answer.json()["data"]["stored"] for answer in answers) == 50
    assert Event.objects.count() == 50


@pytest.mark.django_db
@pytest.mark.parametrize("brackets", [1_000, 100_000])
def test_what_is_nested_too_deeply_is_no_failure_of_ours(partner_key, brackets):
    answer = partner_key._client().post(
        "/api/v1/leads/", "[" * brackets, content_type="application/json", headers=partner_key.headers
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "parse_error"


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "code"), [("currency", "ZZZ"), ("country", "ZZ")])
def test_codes_that_nobody_gave_out_are_refused(partner_key, field, code):
    assert (f"/{field}", "invalid") in errors_of(partner_key.post("/leads/", LEAD | {field: code}))


@pytest.mark.django_db
def test_parameters_that_nobody_knows_are_refused_by_lists_and_single_records(partner_key):
    account = partner_key.account()

    for address in ("/accounts/?format=xml", f"/accounts/{account.public_id}/?format=xml"):
        assert ("/format", "unknown_parameter") in errors_of(partner_key.get(address))
