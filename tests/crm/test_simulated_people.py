"""What the demo makes up: once, the same everywhere, marked, and before the end of its book."""

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, F, Q

from crm.models import (
    Account,
    Activity,
    Book,
    Contact,
    Partner,
    PartnerAccount,
    SavedView,
    Task,
    Team,
    Ticket,
    User,
)
from crm.pipelines.simulated import people
from crm.services.demo_staff import CAST, demo_password, ensure_staff, list_sign_ins
from tests.demo_data import load_book, run_pipeline

pytestmark = pytest.mark.django_db

MADE_UP = (Contact, Activity, Task, Ticket)


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), transaction.atomic():
        load_book("wholesale", limit=120)
        load_book("bank", limit=120)
        yield run_pipeline(people.run, task="crm.simulate_people", scope="demo")
        transaction.set_rollback(True)


def sizes():
    return [model.objects.count() for model in (*MADE_UP, Partner, PartnerAccount, SavedView, User, Team)]


def test_everything_made_up_is_marked(demo):
    for model in MADE_UP:
        assert model.objects.exists()
        assert not model.objects.filter(is_simulated=False).exists()
    assert not Partner.objects.exclude(name__endswith="(simulated)", is_simulated=True).exists()
    assert not User.objects.filter(is_simulated=False).exists()


def test_addresses_lead_nowhere(demo):
    assert not Contact.objects.exclude(email__regex=r"^[a-z.'-]+@[a-z0-9-]+\.example\.com$").exists()
    assert not Contact.objects.exclude(phone__startswith="+44 20 7946 0").exists()
    assert not User.objects.exclude(email__endswith="@example.com").exists()
    assert not Partner.objects.exclude(email__endswith="@example.org").exists()


def test_nothing_happened_after_the_end_of_the_book(demo):
    for book in Book.objects.all():
        late = Q(account__book=book)
        assert not Ticket.objects.filter(late, opened_at__gte=book.ends_at).exists()
        assert not Ticket.objects.filter(late, solved_at__gt=book.ends_at).exists()
        assert not Activity.objects.filter(late, at__gte=book.ends_at).exists()
        assert not Task.objects.filter(late, done_at__gte=book.ends_at).exists()
        assert not PartnerAccount.objects.filter(late, since__gte=book.ends_at).exists()


def test_tickets_are_never_solved_before_they_were_opened(demo):
    assert not Ticket.objects.filter(solved_at__lt=F("opened_at")).exists()
    assert Ticket.objects.filter(state="open").exists()
    assert Ticket.objects.filter(state="closed").exists()


def test_every_wholesale_account_has_one_to_three_contacts(demo):
    counts = Account.objects.filter(book__code="wholesale").annotate(n=Count("contacts"))

    assert set(counts.values_list("n", flat=True)) == {1, 2, 3}


def test_accounts_are_spread_over_the_salespeople_of_their_book(demo):
    for book, teams in (("wholesale", ["Wholesale North", "Wholesale South"]), ("bank", ["Private clients"])):
        accounts = Account.objects.filter(book__code=book)
        assert not accounts.exclude(owner__role="sales", team__name__in=teams).exists()
        assert not accounts.exclude(team=F("owner__team")).exists()
        assert accounts.values("owner").distinct().count() >= 5


def test_partners_share_some_accounts_and_some_links_have_ended(demo):
    shared = PartnerAccount.objects.values("account").annotate(n=Count("id")).filter(n__gt=1)

    assert Partner.objects.count() == 3
    assert shared.exists()
    assert PartnerAccount.objects.filter(until__isnull=False).exists()
    assert all(partner.current_account_ids().exists() for partner in Partner.objects.all())


def test_a_second_run_adds_nothing(demo):
    before = sizes()

    run_pipeline(people.run, task="crm.simulate_people", scope="demo")

    assert sizes() == before


def test_each_role_can_sign_in_and_nobody_else(demo):
    signed_in = list_sign_ins()

    assert [one.username for one in signed_in] == [who[0] for who in CAST]
    assert {one.password for one in signed_in} == {demo_password()}
    assert all(check_password(demo_password(), user.password) for user in User.objects.filter(username="ada"))
    colleagues = User.objects.exclude(username__in=[who[0] for who in CAST])
    assert not any(user.has_usable_password() for user in colleagues)


def test_sign_ins_are_printed_and_a_changed_password_is_not_claimed(capsys):
    User.objects.all().delete()
    call_command("demo_signins")
    ensure_staff()
    ada = User.objects.get(username="ada")
    ada.set_password("something of her own")
    ada.save()
    call_command("demo_signins")

    printed = capsys.readouterr().out
    assert "load_demo" in printed
    assert printed.count(demo_password()) == len(CAST) - 1
    assert "(changed since)" in printed


def test_the_password_belongs_to_the_installation(settings):
    here = demo_password()
    settings.SECRET_KEY = "another installation's secret key, which is long enough"

    assert demo_password() != here
    assert len(here) >= 14
