"""Administrators make people, give them roles and teams, let them in again, and switch them off."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from crm.models import Team, User
from crm.selectors.audit import list_audit
from crm.services.people import LastAdministratorError, OwnAccessError, edit_person, make_link_key
from tests.factories import AccountFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "amber-heron-4711"
LIST, NEW = "/people/", "/people/new/"


def page_of(person, further=""):
    return f"/people/{person.public_id}/{further}"


def entered(person, **changes):
    """Return what the form of a person sends when only these fields are changed."""
    kept = {name: getattr(person, name) for name in ("first_name", "last_name", "email", "role")}
    return kept | {"is_active": "on"} | changes


def link_on(page):
    return re.search(r'value="http://testserver(/accounts/password/reset/key/[^"]+)"', page)[1]


def choose_password(link, password=PASSWORD):
    browser = Client()
    form = browser.get(link, follow=True)
    twice = {"password1": password, "password2": password}
    return browser.post(form.redirect_chain[-1][0], twice) if form.redirect_chain else form


def sign_in(name, password=PASSWORD):
    browser = Client()
    browser.post(reverse("account_login"), {"login": name, "password": password})
    return browser


def is_inside(browser):
    return browser.get("/").status_code == 200


def test_lists_people_with_role_team_and_state(admin_client_):
    UserFactory(username="sara", first_name="Sara", last_name="Lindqvist", team=TeamFactory(name="North"))
    UserFactory(first_name="Gone", role="support", is_active=False)

    page = admin_client_.get(LIST).text

    assert "Sara Lindqvist" in page
    assert "North" in page
    assert "Switched off" in page
    assert "never" in page


def test_a_long_list_of_people_has_pages(admin_client_):
    for number in range(60):
        UserFactory(first_name=f"Person {number:02d}", last_name="Last")

    first = admin_client_.get(LIST)
    second = admin_client_.get(LIST, {"after": first.context["page"].next_cursor})

    shown = [person.pk for page in (first, second) for person in page.context["page"].rows]
    assert len(shown) == len(set(shown)) == User.objects.count()


def test_makes_a_person_who_chooses_the_password_by_a_link(admin_client_):
    team = TeamFactory()
    form = {
        "username": "sam",
        "first_name": "Sam",
        "email": "Sam@Example.com",
        "role": "support",
        "team": team.pk,
    }

    answer = admin_client_.post(NEW, form)
    link = link_on(answer.text)
    chosen = choose_password(link)

    person = User.objects.get(username="sam")
    assert (person.role, person.team, person.email) == ("support", team, "sam@example.com")
    assert chosen.url == reverse("account_reset_password_from_key_done")
    done = chosen.client.get(chosen.url).text
    assert "Sign in with your new password" in done
    assert done.count("changed") == 1  # in the message, and not once more below it
    assert is_inside(sign_in("sam"))
    assert "no longer works" in Client().get(link).text
    assert "no-store" in answer["Cache-Control"]


def test_the_link_is_mailed_too_where_mails_leave(admin_client_, settings):
    form = {"username": "sam", "email": "sam@example.com", "role": "support"}

    said = admin_client_.post(NEW, form).text
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    kept = admin_client_.post(NEW, form | {"username": "eve", "email": "eve@example.com"}).text

    assert [message.to for message in mail.outbox] == [["sam@example.com"]]
    assert link_on(said) in mail.outbox[0].body
    assert "It is on its way to sam@example.com" in said
    assert "hand it over yourself" in kept


def test_a_mail_server_that_is_away_costs_nothing_but_the_mail(admin_client_, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    said = admin_client_.post(NEW, {"username": "sam", "email": "sam@example.com", "role": "support"})

    assert said.status_code == 200
    assert "hand it over yourself" in said.text
    assert link_on(said.text)


def test_a_new_link_ends_the_one_nobody_used(admin_client_):
    first = link_on(admin_client_.post(NEW, {"username": "sam", "role": "support"}).text)
    person = User.objects.get(username="sam")

    second = link_on(admin_client_.post(page_of(person, "link/")).text)

    assert "no longer works" in Client().get(first).text
    assert choose_password(second).status_code == 302


def test_a_link_is_never_made_for_oneself(admin_client_):
    answer = admin_client_.post(page_of(admin_client_.user, "link/"))

    assert answer.url == reverse("account_change_password")
    assert User.objects.get(pk=admin_client_.user.pk).link_made_at is None


@pytest.mark.parametrize(
    "taken", [{"username": "SARA"}, {"email": "SARA@example.com"}, {"role": "king"}, {"time_zone": "Nowhere"}]
)
def test_refuses_what_is_taken_or_unknown_and_keeps_what_was_typed(admin_client_, taken):
    UserFactory(username="sara")
    form = {"username": "sam", "first_name": "Samuel", "email": "sam@example.com", "role": "support"}

    answer = admin_client_.post(NEW, form | taken)

    assert answer.status_code == 422
    assert "Samuel" in answer.text
    assert not User.objects.filter(first_name="Samuel").exists()


def test_edits_a_person(admin_client_):
    person, team = UserFactory(), TeamFactory()
    changes = {
        "first_name": "Zoe",
        "role": "analyst",
        "team": team.pk,
        "language": "zh-hans",
        "time_zone": "UTC",
    }

    answer = admin_client_.post(page_of(person), entered(person, **changes))

    person.refresh_from_db()
    assert answer.url == LIST
    assert (person.first_name, person.role, person.team) == ("Zoe", "analyst", team)
    assert (person.language, person.time_zone) == ("zh-hans", "UTC")


def test_the_audit_log_says_who_gave_which_role(admin_client_):
    person = UserFactory(username="sara", password=PASSWORD)

    admin_client_.post(page_of(person), entered(person, role="administrator"))

    entry, *_ = list_audit(table="crm_userevent")
    assert (entry.label, entry.actor_id) == ("sara", admin_client_.user.pk)
    assert [(change.name, change.before, change.after) for change in entry.changes] == [
        ("role", "sales", "administrator")
    ]
    page = admin_client_.get("/audit/").text
    assert "Administrator" in page
    assert "Person" in page


def test_the_audit_log_names_teams_and_moments(admin_client_):
    person = UserFactory(username="sara", team=TeamFactory(name="Team of the north"))

    admin_client_.post(page_of(person), entered(person, team=TeamFactory(name="Team of the south").pk))
    admin_client_.post(page_of(person, "link/"))

    page = admin_client_.get("/audit/").text
    assert page.index("Team of the north") < page.index("Team of the south")
    assert re.search(r"sign-in link made.*?<time", page, re.DOTALL)


def test_no_password_reaches_the_audit_log(admin_client_):
    person = UserFactory(username="sara", password=PASSWORD)
    person.set_password("another-heron-12")
    person.save()
    make_link_key(person=person)

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(event) FROM crm_userevent AS event")
        kept = [row[0] for row in cursor]

    assert len(kept) == 1  # the link; a new password alone is no edit
    assert "password" not in kept[0]


def test_who_is_switched_off_is_out_at_once_and_stays_out(admin_client_):
    person = UserFactory(username="sara", password=PASSWORD)
    browser, other = sign_in("sara"), sign_in("sara")
    assert is_inside(browser)

    admin_client_.post(page_of(person), entered(person, is_active=""))
    turned_away = is_inside(browser), is_inside(sign_in("sara"))
    admin_client_.post(page_of(person), entered(person))

    assert turned_away == (False, False)
    assert not is_inside(other)  # its session ended, rather than slept
    assert is_inside(sign_in("sara"))
    assert is_inside(admin_client_)


def test_another_address_ends_the_old_one(admin_client_):
    person = UserFactory(username="sara", email="old@example.com", password=PASSWORD)
    sign_in("sara")
    EmailAddress.objects.get_or_create(user=person, email="old@example.com", primary=True)

    admin_client_.post(page_of(person), entered(person, email="new@example.com"))

    assert not is_inside(sign_in("old@example.com"))
    assert is_inside(sign_in("new@example.com"))


@pytest.mark.parametrize("change", [{"is_active": ""}, {"role": "sales"}])
def test_nobody_takes_their_own_access_away(admin_client_, change):
    UserFactory(role="administrator")
    own = admin_client_.user

    answer = admin_client_.post(page_of(own), entered(own, first_name="Typed", **change))

    own.refresh_from_db()
    assert answer.status_code == 422
    assert "take your own access away" in answer.text
    assert "Typed" in answer.text
    assert (own.role, own.is_active, own.first_name) == ("administrator", True, "")


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "sales"}])
def test_the_last_administrator_stays(change):
    last, demoted = UserFactory(role="administrator"), UserFactory(role="sales")
    UserFactory(role="administrator", is_active=False)

    with pytest.raises(LastAdministratorError):
        edit_person(person=last, changes=change, by=demoted)
    with pytest.raises(OwnAccessError):
        edit_person(person=last, changes=change, by=last)

    assert User.objects.filter(role="administrator", is_active=True).get() == last


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_demote_each_other_at_once_one_stays():
    pair = [UserFactory(role="administrator") for _ in range(2)]

    def demote(by, person):
        try:
            edit_person(person=person, changes={"role": "sales"}, by=by)
        except LastAdministratorError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as both:
        went_well = list(both.map(demote, pair, reversed(pair)))

    assert sorted(went_well) == [False, True]
    assert User.objects.filter(role="administrator").count() == 1


def with_second_factor(person):
    TOTP.activate(person, generate_totp_secret())
    RecoveryCodes.activate(person)
    return person


def test_lets_somebody_in_who_lost_the_phone(admin_client_):
    person = with_second_factor(UserFactory(username="sara", password=PASSWORD))
    holding = Client()
    holding.force_login(person)
    stopped = is_inside(sign_in("sara"))

    asked = admin_client_.get(page_of(person, "second-factor/")).text
    answer = admin_client_.post(page_of(person, "second-factor/"))

    assert not stopped
    assert "Be sure who asks" in asked
    assert answer.url == page_of(person)
    assert not Authenticator.objects.exists()
    assert not is_inside(holding)
    assert is_inside(sign_in("sara"))
    entry, *_ = list_audit(table="crm_userevent")
    assert entry.actor_id == admin_client_.user.pk
    assert [change.name for change in entry.changes] == ["second_factor_reset_at"]


def test_ones_own_second_factor_is_not_removed_here(admin_client_):
    with_second_factor(admin_client_.user)

    answer = admin_client_.post(page_of(admin_client_.user, "second-factor/"))

    assert answer.url == reverse("mfa_index")
    assert Authenticator.objects.count() == 2


def test_without_teams_the_page_says_what_they_are_for(admin_client_):
    assert "No teams yet" in admin_client_.get(LIST).text


def test_adds_and_renames_a_team(admin_client_):
    admin_client_.post(LIST, {"name": "North"})
    team = Team.objects.get()
    twice = admin_client_.post(LIST, {"name": "nORTH"})

    renamed = admin_client_.post(f"/people/teams/{team.public_id}/", {"name": "North and East"})

    assert twice.status_code == 422
    assert "There is a team of this name already" in twice.text
    assert renamed.url == LIST
    assert admin_client_.post(f"/people/teams/{team.public_id}/", {"name": "north and EAST"}).url == LIST
    assert "north and EAST" in admin_client_.get(LIST).text
    assert Team.objects.count() == 1


def test_a_team_goes_when_nothing_belongs_to_it(admin_client_):
    empty, with_people, with_accounts = (TeamFactory(name=name) for name in ("Empty", "Full", "Owning"))
    UserFactory(team=with_people)
    AccountFactory(team=with_accounts)

    answers = [
        admin_client_.post(f"/people/teams/{team.public_id}/delete/")
        for team in (empty, with_people, with_accounts)
    ]

    assert [answer.status_code for answer in answers] == [302, 409, 409]
    assert "Give them to another team first" in answers[1].text
    assert sorted(Team.objects.values_list("name", flat=True)) == ["Full", "Owning"]
    assert "Delete the team" not in admin_client_.get(LIST).text


def test_only_administrators_have_the_entry_in_their_menu(admin_client_, analyst_client):
    assert f'href="{LIST}"' in admin_client_.get("/").text
    assert f'href="{LIST}"' not in analyst_client.get("/").text
    assert analyst_client.get(LIST).status_code == 403
