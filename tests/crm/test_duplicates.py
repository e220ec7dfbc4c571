"""The job that looks for duplicates, and the question before an account is made."""

import pytest
from django.db import connection

from crm.models import Account, DuplicatePair, FeedCursor, Job, MatchKey
from crm.pipelines import identity
from crm.services import matching
from crm.services.jobs import run_job
from crm.services.match_keys import Details
from crm.services.matching import find_matches, score_of, store_keys
from crm.services.merges import keep_apart, merge
from tests import factories as f
from tests.settled import wait_until_readable

pytestmark = pytest.mark.django_db(transaction=True)


def look() -> dict:
    for table in ("crm_account", "crm_contact"):
        wait_until_readable(table, "changed_xid")
    job = f.JobFactory(task="crm.find_duplicates", state="queued")
    run_job(job.pk, identity.find)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    result: dict = job.result
    return result


def pairs() -> dict[frozenset[str], DuplicatePair]:
    found = DuplicatePair.objects.select_related("first", "second")
    return {frozenset((pair.first.name, pair.second.name)): pair for pair in found}


def named(*names: str, **details) -> list[Account]:
    return [f.AccountFactory(name=name, **details) for name in names]


def test_accounts_that_share_keys_are_proposed_with_what_they_share():
    f.AccountFactory(name="Müller GmbH", country="DE", phone="089 123456")
    f.AccountFactory(name="MUELLER", country="DE", phone="+49 89 123456")
    f.AccountFactory(name="Somebody else", country="DE", phone="089 654321")

    result = look()

    found = pairs()
    assert set(found) == {frozenset(("Müller GmbH", "MUELLER"))}
    pair = found[frozenset(("Müller GmbH", "MUELLER"))]
    assert pair.hits == [{"kind": "phone", "holders": 2}, {"kind": "name", "holders": 2}]
    assert pair.score == pytest.approx(1 - 0.4 * 0.45)
    assert result == {"accounts": 3, "keys": 6, "pairs": 1}


def test_chinese_names_are_compared_without_their_company_form():
    named("深圳市 华强 电子有限公司", "深圳市华强电子股份有限公司", "广州市华强电子有限公司", country="CN")

    look()

    assert set(pairs()) == {frozenset(("深圳市 华强 电子有限公司", "深圳市华强电子股份有限公司"))}


def test_the_people_of_an_account_speak_for_it():
    one, two = named("Amber", "Quince")
    f.ContactFactory(account=one, email="rosa@lind.example")
    f.ContactFactory(account=two, email="Rosa+work@LIND.example")

    look()

    (pair,) = pairs().values()
    assert [hit["kind"] for hit in pair.hits] == ["email", "domain"]


def test_accounts_of_two_books_are_never_one():
    f.AccountFactory(name="Lind")
    f.AccountFactory(name="Lind", book=f.BookFactory(code="bank"))

    look()

    assert pairs() == {}


def test_a_key_that_many_have_tells_nobody_apart():
    named(*(f"Branch {n}" for n in range(matching.HOLDERS_MOST + 1)), website="group.example")

    look()

    assert pairs() == {}


def test_a_key_counts_less_the_more_accounts_have_it():
    named("One", "Two", "Three", phone="+44 20 7946 0018")

    look()

    assert {round(pair.score, 3) for pair in pairs().values()} == {0.4}
    assert {pair.hits[0]["holders"] for pair in pairs().values()} == {3}


def test_two_tax_numbers_speak_against():
    f.AccountFactory(name="Lind", tax_id="GB123456782", phone="+44 20 7946 0018")
    f.AccountFactory(name="Lind", tax_id="GB987654329", phone="+44 20 7946 0018")

    look()

    (pair,) = DuplicatePair.objects.all()
    assert pair.hits[-1] == {"kind": "tax_id", "differs": True}
    assert pair.score == pytest.approx((1 - 0.4 * 0.45) * matching.AGAINST)


def test_the_job_scores_like_the_form():
    f.AccountFactory(name="Lind", tax_id="GB123456782", phone="+44 20 7946 0018", email="a@lind.example")
    f.AccountFactory(name="Lind", tax_id="GB123456782", phone="+44 20 7946 0018", email="b@lind.example")

    look()

    (pair,) = DuplicatePair.objects.all()
    assert pair.score == pytest.approx(score_of(pair.hits))
    assert matching.compare(pair.first, pair.second) == pair.hits


def test_looking_again_finds_the_same_and_takes_only_what_changed():
    named("Lind", "Lind Ltd", "Amber")
    look()
    before = list(DuplicatePair.objects.values_list("pk", "score"))
    keys = set(MatchKey.objects.values_list("pk", flat=True))

    nothing = look()
    Account.objects.filter(name="Amber").update(name="Lind & Co")
    something = look()

    assert nothing["accounts"] == 0
    assert something["accounts"] == 1
    assert len(pairs()) == 3
    assert set(DuplicatePair.objects.values_list("pk", flat=True)) > {pk for pk, _score in before}
    assert len(keys & set(MatchKey.objects.values_list("pk", flat=True))) == 2


def test_a_changed_contact_makes_its_account_looked_at():
    one, two = named("Amber", "Quince")
    f.ContactFactory(account=one, phone="+44 20 7946 0018")
    contact = f.ContactFactory(account=two)
    look()

    type(contact).objects.filter(pk=contact.pk).update(phone="0044 20 7946 0018")

    assert look()["accounts"] == 1
    assert set(pairs()) == {frozenset(("Amber", "Quince"))}


def test_a_proposal_whose_reason_is_gone_goes():
    named("Lind", "Lind Ltd")
    look()

    Account.objects.filter(name="Lind").update(name="Amber")
    look()

    assert pairs() == {}


def test_who_was_kept_apart_is_not_proposed_again():
    one, _two = named("Lind", "Lind Ltd")
    look()
    keep_apart(pair=DuplicatePair.objects.get(), by=None)

    Account.objects.filter(pk=one.pk).update(phone="+44 20 7946 0018", industry="retail")
    FeedCursor.objects.filter(reader=identity.READER).delete()
    look()

    assert DuplicatePair.objects.get().state == DuplicatePair.State.KEPT_APART


def test_a_row_that_was_still_being_written_is_seen_next_time():
    """The bound is the oldest open transaction, not the last one that ended."""
    named("Lind")
    look()
    with connection.cursor() as cursor:
        cursor.execute("SELECT xid::text::bigint FROM crm_feedcursor WHERE reader = %s", [identity.READER])
        (bound,) = cursor.fetchone()
        cursor.execute("SELECT max(changed_xid::text::bigint) FROM crm_account")
        (newest,) = cursor.fetchone()

    assert bound > newest
    assert look()["accounts"] == 0


def test_a_merged_account_is_proposed_no_more():
    one, two = named("Lind", "Lind Ltd")
    look()

    merge(survivor=one, other=two, choices={}, by=None)
    look()

    assert pairs() == {}


def test_large_and_small_batches_keep_the_same_keys(monkeypatch):
    accounts = named("Lind GmbH", "Amber", "深圳市华强电子有限公司", phone="+44 20 7946 0018")
    ids = [account.pk for account in accounts]
    store_keys(ids)
    few = set(MatchKey.objects.values_list("account_id", "kind", "key"))
    MatchKey.objects.all().delete()

    monkeypatch.setattr(matching, "FEW", 0)
    store_keys(ids)

    assert set(MatchKey.objects.values_list("account_id", "kind", "key")) == few


def test_nothing_to_compare_leaves_no_key():
    account = f.AccountFactory(name="X")
    MatchKey.objects.create(account=account, kind="name", key="old")

    store_keys([account.pk])

    assert not MatchKey.objects.exists()


def test_matches_of_details_come_with_the_likeliest_first():
    lind, other = named("Lind", "Lind Stores")
    Account.objects.filter(pk=other.pk).update(email="shop@lind.example")
    store_keys([lind.pk, other.pk])
    book = lind.book

    found = find_matches(Details(name="LIND Ltd", email="Shop@lind.example"), book=book)

    assert [match.account for match in found] == [other, lind]
    assert find_matches(Details(name="Nobody"), book=book) == []
    assert find_matches(Details(), book=book) == []
    assert find_matches(Details(name="Lind"), book=f.BookFactory(code="bank")) == []
    assert find_matches(Details(name="Lind"), among=Account.objects.none()) == []


def test_planted_duplicates_are_found_and_little_else():
    """Sixty accounts, a third of them twice and spelt otherwise: all are found, nobody else."""
    spellings = (
        lambda n: {"name": f"Firm {n:03} GmbH & Co. KG", "phone": f"+49 89 55{n:05}"},
        lambda n: {"name": f"FIRM {n:03}", "email": f"info@firm-{n}.example"},
        lambda n: {"name": f"Other name {n:03}", "tax_id": f"DE8123{n:05}"},
    )
    again = (
        lambda n: {"name": f"firm-{n:03}", "phone": f"089 55{n:05}"},
        lambda n: {"name": f"Firm {n:03}, Ltd.", "website": f"https://www.firm-{n}.example/de"},
        lambda n: {"name": f"Renamed {n:03}", "tax_id": f"8123{n:05}"},
    )
    for n in range(60):
        kind = n % 3
        first = f.AccountFactory(country="DE", **spellings[kind](n))
        if n < 20:
            second = f.AccountFactory(country="DE", **again[kind](n))
            assert first.pk < second.pk

    look()

    found = {(pair.first_id, pair.second_id) for pair in DuplicatePair.objects.all()}
    assert len(found) == 20
    assert all(second == first + 1 for first, second in found)
