import json
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import connection

from crm.models import Account, AttributeValue, Bin, Event, ExternalId
from crm.services.bin import RestoreConflictError, move_to_bin, restore
from tests import factories as f

pytestmark = pytest.mark.django_db(transaction=True)
NOT_COMPARED = ("crm_bin", "crm_change", "crm_deletedkey")
STAMPS = {"changed_xid", "known_at"}  # a restored fact is known again from its return on


def owned_rows() -> dict[str, list[dict]]:
    """Return every row of every table of ours as text, but for what a return renews."""
    rows = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            is_history = table.endswith("event") and table != "crm_event"
            if not table.startswith("crm_") or is_history or table in NOT_COMPARED:
                continue
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY id")
            rows[table] = [
                {key: value for key, value in json.loads(text, parse_float=str).items() if key not in STAMPS}
                for (text,) in cursor
            ]
    return rows


@pytest.fixture
def account():
    account = f.AccountFactory(name="Doomed", attributes={"size": 3})
    definition = f.AttributeDefinitionFactory(key="size", type="number")
    AttributeValue.objects.create(account=account, attribute=definition, value=3, valid_from=f.NOW)
    contact = f.ContactFactory(account=account)
    f.OrderFactory(account=account, amount=Decimal("10.1234"), lines=2)
    f.PaymentFactory(invoice__account=account, amount=Decimal("0.0001"))
    f.ScoreFactory(account=account, value=0.1234567890123456, weekly_values=[0.1, 0.2])
    f.ActivityFactory(account=account, contact=contact, text='über 🙂 \\ "')
    f.TicketFactory(account=account, contact=contact)
    f.ExternalIdFactory(row_id=account.pk, value="42")
    f.PartnerAccountFactory(account=account)
    Event.objects.create(kind="visit", at=f.NOW, account=account)
    return account


def test_what_comes_back_is_what_went(account):
    bystander = f.OrderFactory().account
    before = owned_rows()

    entry = move_to_bin(account=account, by=f.UserFactory())

    assert not Account.objects.filter(pk=account.pk).exists()
    assert not ExternalId.objects.exists()
    assert not Event.objects.exists()
    assert Account.objects.get() == bystander
    restore(entry=entry)
    after = owned_rows()
    after["crm_user"] = before["crm_user"]
    assert after == before
    assert not Bin.objects.exists()


def test_a_record_whose_place_was_taken_says_so_and_stays_in_the_bin(account):
    entry = move_to_bin(account=account, by=f.UserFactory())
    f.ExternalIdFactory(row_id=1, value="42")

    with pytest.raises(RestoreConflictError) as caught:
        restore(entry=entry)

    assert caught.value.constraint == "one_row_per_external_id"
    assert not Account.objects.exists()
    assert Bin.objects.get() == entry


def test_restored_facts_do_not_stand_beside_their_past(account):
    entry = move_to_bin(account=account, by=f.UserFactory())
    restore(entry=entry)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM crm_order o JOIN crm_order_past p USING (id) WHERE p.known_to > o.known_at"
        )
        assert cursor.fetchone() == (0,)
