"""Two accounts become one, and two again."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from campaigns.models import Campaign, Delivery, Enrolment, Offered, Response
from crm.models import (
    Account,
    AttributeValue,
    Change,
    ChangedRows,
    ChangeSet,
    Contact,
    DuplicatePair,
    Event,
    ExternalId,
    IdempotencyKey,
    MatchKey,
    MergedAccount,
    OfferAnswer,
    Order,
    Outcome,
    PartnerAccount,
    Score,
    Subscription,
    TrackedSite,
    Visitor,
)
from crm.models.base import Fact
from crm.services.accounts import edit_account, save_contact
from crm.services.bin import move_to_bin
from crm.services.erasure import erase_account
from crm.services.matching import store_keys
from crm.services.merges import (
    MergeRefusedError,
    UnmergeRefusedError,
    account_columns,
    keep_apart,
    merge,
    propose,
    unmerge,
)
from tests import factories as f

pytestmark = pytest.mark.django_db
# What a merge writes about itself, what it tells, and what the database notes.
NOT_COMPARED = {
    "crm_change", "crm_changedrows", "crm_changeset", "crm_deletedkey", "crm_matchkey", "crm_feedcursor",
}  # fmt: skip
STAMPS = {"revision", "updated_at", "changed_xid", "known_at"}


def everything() -> dict[str, list[dict]]:
    """Return every row of every table of ours as text, but for stamps."""
    rows = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            is_history = table.endswith("event") and table != "crm_event"
            is_ours = table.startswith(("crm_", "campaigns_", "analytics_"))
            if not is_ours or is_history or table in NOT_COMPARED:
                continue
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY id")
            rows[table] = [
                {key: value for key, value in json.loads(text, parse_float=str).items() if key not in STAMPS}
                for (text,) in cursor
            ]
        cursor.execute("SELECT account_id, kind, key FROM crm_matchkey ORDER BY 1, 2, 3")
        rows["keys"] = cursor.fetchall()
    return rows


def furnish(account: Account, campaign: Campaign, partner, number: int) -> None:
    """Give an account a row in every table that leads to accounts."""
    contact = f.ContactFactory(
        account=account, email=f"p{number}@{account.pk}.example", phone="020 7946 0018"
    )
    order = f.OrderFactory(account=account, lines=2)
    f.PaymentFactory(invoice__account=account)
    Subscription.objects.create(
        account=account, product=order.lines.first().product, period_days=30, currency="GBP",
        amount_per_period=9, rate=1, amount_reporting=9, started_at=f.NOW, public_id=uuid4(),
    )  # fmt: skip
    f.ActivityFactory(account=account, contact=contact)
    f.TaskFactory(account=account)
    f.TicketFactory(account=account, contact=contact)
    f.ExternalIdFactory(row_id=account.pk, value=f"{account.pk}-{number}")
    Outcome.objects.create(
        account=account, kind="default", happened=True, cutoff_at=f.NOW,
        observed_at=f.NOW + timedelta(days=30),
    )  # fmt: skip
    Event.objects.create(kind="visit", at=f.NOW, account=account)
    site = TrackedSite.objects.create(book=account.book, name="Shop")
    Visitor.objects.create(site=site, key=f"v{account.pk}-{number}", account=account, contact=contact)
    f.ScoreFactory(account=account)
    f.ValueFactory(account=account)
    product = order.lines.first().product
    f.RecommendationFactory(account=account, product=product)
    f.BasketFactory(account=account, products=[product.pk])
    OfferAnswer.objects.create(
        account=account, product=product, answer="offered", kind="new", rank=1, model_version="m", as_of=f.NOW
    )
    f.PartnerAccountFactory(account=account, partner=partner)
    IdempotencyKey.objects.create(partner=partner, key=f"{account.pk}", digest=b"d", account_id=account.pk)
    enrolment = Enrolment.objects.create(
        campaign=campaign, account=account, arm="treated", propensity=0.9, enrolled_at=f.NOW
    )
    Response.objects.create(enrolment=enrolment, kind="clicked", at=f.NOW)
    Offered.objects.create(enrolment=enrolment, product=order.lines.first().product, rank=1, kind="new")
    Delivery.objects.create(campaign=campaign, account=account, contact=contact)


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        book=f.BookFactory(), name="Spring", code="spring", channel="email", starts_at=f.NOW, ends_at=f.NOW,
        salt="s", cost_amount=0, currency="GBP",
    )  # fmt: skip


@pytest.fixture
def pair(campaign):
    """Two accounts with rows everywhere, and a third that neither is."""
    partner = f.PartnerFactory()
    size = f.AttributeDefinitionFactory(key="size", type="number")
    tier = f.AttributeDefinitionFactory(key="tier", type="text")
    first = f.AccountFactory(name="Lind Ltd", attributes={"size": 3}, phone="020 7946 0018")
    second = f.AccountFactory(
        name="LIND Limited", attributes={"size": 4, "tier": "gold"}, website="lind.example", country="DE"
    )
    for account, attribute, value in ((first, size, 3), (second, size, 4), (second, tier, "gold")):
        AttributeValue.objects.create(account=account, attribute=attribute, value=value, valid_from=f.NOW)
    furnish(first, campaign, partner, 1)
    furnish(second, campaign, partner, 1)
    third = f.OrderFactory().account
    store_keys([first.pk, second.pk, third.pk])
    propose(one=first, two=second)
    keep_apart(pair=propose(one=second, two=third), by=None)
    return first, second


def test_every_table_that_leads_to_an_account_leads_to_the_survivor(pair):
    survivor, other = pair
    rows_before = {
        (model, column): model._base_manager.filter(**{column: other.pk}).count()
        for model, column in account_columns()
    }
    empty = {model.__name__ for (model, _column), count in rows_before.items() if not count}
    assert empty <= {"MergedAccount", "ScoreFeedback"}

    merge(survivor=survivor, other=other, choices={}, by=None)

    left = [model for model, column in account_columns() if model._base_manager.filter(**{column: other.pk})]
    assert left == []
    assert not Account.objects.filter(pk=other.pk).exists()
    for model in (Order, Contact, Event, Visitor, Delivery):
        assert model._base_manager.filter(account_id=survivor.pk).count() == 2
    assert ExternalId.objects.filter(kind="account", row_id=survivor.pk).count() == 2


def test_where_there_is_room_for_one_the_survivors_row_stands(pair, campaign):
    survivor, other = pair
    own = Enrolment.objects.get(account=survivor)

    made = merge(survivor=survivor, other=other, choices={}, by=None)

    assert Enrolment.objects.get(campaign=campaign) == own
    assert Outcome.objects.filter(account=survivor).count() == 1
    assert PartnerAccount.objects.filter(account=survivor).count() == 1
    assert Score.objects.filter(account=survivor).count() == 1
    kept = ChangedRows.objects.filter(change_set=made, action="deleted").values_list("table_name", flat=True)
    assert {"campaigns_enrolment", "campaigns_response", "campaigns_offered", "crm_outcome", "crm_score",
            "crm_partneraccount"} <= set(kept)  # fmt: skip
    assert made.data["counts"]["campaigns_enrolment"] == {"moved": 0, "gave_way": 3}


def test_chosen_fields_are_taken_and_gaps_are_filled(pair):
    survivor, other = pair

    merge(survivor=survivor, other=other, choices={"name": "other", "attr_size": "other"}, by=None)

    survivor.refresh_from_db()
    assert survivor.name == "LIND Limited"
    assert survivor.country == "GB"  # its own word counts unless somebody chose
    assert survivor.website == "lind.example"  # it had none
    assert survivor.phone == "020 7946 0018"
    assert survivor.attributes == {"size": 4, "tier": "gold"}
    current = AttributeValue.objects.filter(account=survivor, valid_to=None).order_by("attribute__key")
    assert [(row.attribute.key, row.value) for row in current] == [("size", 4), ("tier", "gold")]


def test_a_value_that_is_not_wanted_leaves_no_history_behind(pair):
    survivor, other = pair

    merge(survivor=survivor, other=other, choices={"attr_tier": "survivor"}, by=None)

    survivor.refresh_from_db()
    assert survivor.attributes == {"size": 3}
    assert not AttributeValue.objects.filter(account=survivor, attribute__key="tier").exists()


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"name": "other", "owner": "other", "attr_size": "other"},
        {"attr_tier": "survivor", "country": "other"},
    ],
)
def test_what_is_taken_back_is_what_there_was(pair, choices):
    survivor, other = pair
    before = everything()

    made = merge(survivor=survivor, other=other, choices=choices, by=None)
    merged = everything()
    unmerge(change_set=made, by=None)

    assert merged != before
    assert everything() == before
    made.refresh_from_db()
    assert (made.state, made.data["kept"]) == (ChangeSet.State.UNDONE, [])


def test_amounts_come_back_to_the_last_digit_and_facts_are_known_anew(pair):
    survivor, other = pair
    order = Order.objects.get(account=other)
    Order.objects.filter(pk=order.pk).update(amount="10.1234", rate="1.0000000001")
    score = Score.objects.get(account=other)
    Score.objects.filter(pk=score.pk).update(value=0.1234567890123456)

    made = merge(survivor=survivor, other=other, choices={}, by=None)
    unmerge(change_set=made, by=None)

    order.refresh_from_db()
    assert (str(order.amount), str(order.rate)) == ("10.1234", "1.0000000001")
    assert Score.objects.get(account=other).value == 0.1234567890123456


def test_edits_made_since_stay_with_the_survivor_and_are_listed(pair):
    survivor, other = pair
    contact = Contact.objects.get(account=other)
    made = merge(survivor=survivor, other=other, choices={"name": "other"}, by=None)
    contact.refresh_from_db()
    save_contact(account=survivor, contact=contact, revision=contact.revision, details={"phone": "1"})
    survivor.refresh_from_db()
    edit_account(account=survivor, revision=survivor.revision, changes={"website": "new.example"})
    new = f.ActivityFactory(account=survivor)
    gone = Event.objects.filter(account=survivor).latest("pk").pk
    Event.objects.filter(pk=gone).delete()

    unmerge(change_set=made, by=None)

    made.refresh_from_db()
    contact.refresh_from_db()
    survivor.refresh_from_db()
    new.refresh_from_db()
    assert made.data["kept"] == [
        {"table": "crm_account", "id": survivor.pk, "field": "website"},
        {"table": "crm_event", "id": gone},
        {"table": "crm_contact", "id": contact.pk},
    ]
    assert (contact.account_id, contact.phone) == (survivor.pk, "1")
    assert (survivor.name, survivor.website) == ("Lind Ltd", "new.example")
    assert new.account_id == survivor.pk
    assert Account.objects.get(pk=other.pk).website == "lind.example"


def test_what_has_lost_its_neighbour_meanwhile_is_left_out(pair, campaign):
    survivor, other = pair
    owner = f.UserFactory()
    Account.objects.filter(pk=other.pk).update(owner=owner)
    made = merge(survivor=survivor, other=other, choices={}, by=None)
    campaign.delete()
    owner.delete()

    unmerge(change_set=made, by=None)

    made.refresh_from_db()
    assert Account.objects.get(pk=other.pk).owner is None
    assert {item["table"] for item in made.data["kept"]} == {
        "campaigns_enrolment", "campaigns_response", "campaigns_offered", "campaigns_delivery",
        "crm_account",  # whose owner the survivor had taken over
    }  # fmt: skip


def test_merges_into_merges_are_taken_back_from_the_last_to_the_first(pair):
    middle, first = pair
    last = f.OrderFactory(account__name="Last").account
    store_keys([last.pk])
    before = everything()
    early = merge(survivor=middle, other=first, choices={"name": "other"}, by=None)
    late = merge(survivor=last, other=middle, choices={"name": "other"}, by=None)

    assert {row.survivor_id for row in MergedAccount.objects.all()} == {last.pk}
    with pytest.raises(UnmergeRefusedError, match="merged_again"):
        unmerge(change_set=early, by=None)
    unmerge(change_set=late, by=None)
    unmerge(change_set=early, by=None)

    assert everything() == before
    assert not MergedAccount.objects.exists()


def test_a_merge_is_taken_back_once(pair):
    survivor, other = pair
    made = merge(survivor=survivor, other=other, choices={}, by=None)
    unmerge(change_set=made, by=None)

    with pytest.raises(UnmergeRefusedError, match="taken_back"):
        unmerge(change_set=made, by=None)


def test_an_old_merge_stands(pair):
    survivor, other = pair
    made = merge(survivor=survivor, other=other, choices={}, by=None)
    ChangeSet.objects.filter(pk=made.pk).update(undo_until=f.NOW - timedelta(days=4000))

    with pytest.raises(UnmergeRefusedError, match="too_late"):
        unmerge(change_set=made, by=None)


def test_only_two_accounts_of_one_book_become_one():
    account = f.AccountFactory()
    foreign = f.AccountFactory(book=f.BookFactory(code="bank"))

    with pytest.raises(MergeRefusedError, match="same_account"):
        merge(survivor=account, other=account, choices={}, by=None)
    with pytest.raises(MergeRefusedError, match="different_books"):
        merge(survivor=account, other=foreign, choices={}, by=None)
    with pytest.raises(MergeRefusedError, match="different_books"):
        propose(one=account, two=foreign)
    assert Account.objects.count() == 2


def test_nobody_merges_into_an_account_that_is_gone(pair):
    survivor, other = pair
    merge(survivor=survivor, other=other, choices={}, by=None)

    with pytest.raises(MergeRefusedError, match="gone"):
        merge(survivor=survivor, other=other, choices={}, by=None)


def test_a_decision_about_the_other_holds_for_the_survivor(pair):
    survivor, other = pair
    kept_from = Account.objects.exclude(pk__in=[survivor.pk, other.pk]).get()

    merge(survivor=survivor, other=other, choices={}, by=None)

    inherited = DuplicatePair.objects.get()
    assert {inherited.first_id, inherited.second_id} == {survivor.pk, kept_from.pk}
    assert inherited.state == DuplicatePair.State.KEPT_APART


def test_the_feed_hears_of_it(pair):
    survivor, other = pair

    made = merge(survivor=survivor, other=other, choices={}, by=None)
    unmerge(change_set=made, by=None)

    told = Change.objects.order_by("id").values_list("kind", "object_id", "account_id")
    assert list(told) == [
        ("account.deleted", other.pk, other.pk),
        ("account.merged", other.pk, survivor.pk),
        ("account.updated", survivor.pk, survivor.pk),
        ("account.updated", other.pk, other.pk),
        ("account.unmerged", other.pk, survivor.pk),
        ("account.updated", survivor.pk, survivor.pk),
    ]


def test_the_survivor_is_found_by_the_keys_of_both(pair):
    survivor, other = pair
    keys = set(MatchKey.objects.filter(account=other, kind="email").values_list("key", flat=True))

    merge(survivor=survivor, other=other, choices={}, by=None)

    assert keys <= set(MatchKey.objects.filter(account=survivor).values_list("key", flat=True))


def test_what_was_known_before_the_merge_stays_known_so(pair):
    """The old version says whose order it was; the new one says whose it is, from the merge on."""
    survivor, other = pair
    order = Order.objects.get(account=other)

    made = merge(survivor=survivor, other=other, choices={}, by=None)
    unmerge(change_set=made, by=None)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, known_at, known_to FROM crm_order_past WHERE id = %s ORDER BY known_to",
            [order.pk],
        )
        past = cursor.fetchall()
    order.refresh_from_db()
    assert [row[0] for row in past] == [other.pk, survivor.pk]
    assert past[0][2] < past[1][2]  # when the one ended, the next began: the lake sees to that
    assert past[0][1] < past[1][1] < order.known_at
    assert order.account_id == other.pk


def test_every_fact_has_been_moved_by_these_tests(pair):
    """A table of facts added later shows up here until the fixture gives it a row."""
    tables = {model for model, _column in account_columns() if issubclass(model, Fact)}

    assert {model.__name__ for model in tables} == {
        "AttributeValue", "Outcome", "Invoice", "Payment", "Event", "Order", "Subscription", "Ticket",
    }  # fmt: skip


@settings(
    max_examples=10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_row_of_merges_comes_undone(campaign, data):
    """Merge at random, edit nothing, take everything back in reverse: all is as it was."""
    with transaction.atomic():
        partner = f.PartnerFactory()
        accounts = [f.AccountFactory(name=f"Number {n}", attributes={"k": n}) for n in range(4)]
        for number, account in enumerate(accounts):
            if data.draw(st.booleans(), label="furnished"):
                furnish(account, campaign, partner, number)
        store_keys([account.pk for account in accounts])
        before = everything()
        left, made = list(accounts), []
        for _ in range(data.draw(st.integers(1, 3), label="merges")):
            survivor, other = data.draw(st.permutations(left), label="who")[:2]
            names = st.sampled_from(["survivor", "other"])
            choices = data.draw(st.fixed_dictionaries({"name": names, "attr_k": names}), label="choices")
            made.append(merge(survivor=survivor, other=other, choices=choices, by=None))
            left.remove(other)
        for change_set in reversed(made):
            unmerge(change_set=change_set, by=None)

        assert everything() == before
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would check
        transaction.set_rollback(True)


def test_erasing_the_survivor_erases_what_was_merged_into_it(pair):
    survivor, other = pair
    first = f.AccountFactory(name="Quince the First", email="first@quince.example")
    Account.objects.filter(pk=first.pk).update(name="Quince of old")
    merge(survivor=other, other=first, choices={}, by=None)
    merge(survivor=survivor, other=other, choices={}, by=None)
    Account.objects.filter(pk=survivor.pk).update(email="")

    erase_account(entry=move_to_bin(account=survivor, by=f.UserFactory()))

    left = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename !~ '_[0-9]+$'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE to_jsonb(t)::text ~* 'quince|lind'")
            if cursor.fetchone()[0]:
                left.append(table)
    assert left == []
    assert not ChangeSet.objects.exists()
