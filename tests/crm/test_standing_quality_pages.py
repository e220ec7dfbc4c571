"""The page of what stands: rules with counts and trend, sources, switching, checking and cleaning."""

from datetime import timedelta

import pytest
from django.urls import reverse

from crm.models import Job, Notification, Organisation, QualityCount, QualityRule, SourceAlert
from crm.pipelines.quality import check_table
from crm.selectors.source_habits import local_today
from crm.selectors.standing_quality import list_tables
from crm.services.quality_rules import TABLES, sync_rules
from tests import factories as f
from tests.crm.test_quality_rules import PLANTED

pytestmark = pytest.mark.django_db
LIST = reverse("crm:data-quality")


@pytest.fixture(autouse=True)
def rules(db):
    Organisation.objects.get_or_create(id=1, defaults={"name": "Larder and Loft"})
    f.BookFactory()
    sync_rules()


def check(table="contacts"):
    check_table(TABLES[table], TABLES[table].rules)


def rule_url(route="standing-rule", table="contacts", code="email_untidy"):
    return reverse(f"crm:{route}", args=[table, code])


def line_of(user, code="email_untidy"):
    table = next(table for table in list_tables(user) if table.code == "contacts")
    return next(rule for rule in table.rules if rule.setting.code == code)


def counted(back, caught, checked=100):
    day = local_today() - timedelta(days=back)
    return QualityCount.objects.create(
        book=f.BookFactory(), table="contacts", code="email_untidy", on_date=day, caught=caught,
        checked=checked,
    )  # fmt: skip


def test_the_page_shows_each_rule_with_count_share_and_examples(analyst_client):
    contact = f.ContactFactory(name="Ana Silva", email="ANA@acme.example")
    f.ContactFactory.create_batch(3, email="ben@acme.example")
    check()

    page = analyst_client.get(LIST).text

    assert "E-mail with capitals or spaces" in page
    assert "The e-mail has capital letters, or spaces around it." in page
    assert "4 rows checked" in page
    assert "25.0" in page
    assert f'{contact.account.get_absolute_url()}?tab=people">Ana Silva' in page


def test_a_rule_says_since_when_it_got_worse(analyst_client):
    for back, caught in ((5, 2), (4, 2), (3, 9), (2, 8), (1, 9), (0, 9)):
        counted(back, caught)

    rule = line_of(analyst_client.user)

    assert rule.worse_since.on == local_today() - timedelta(days=3)
    assert rule.best_share == 0.02
    assert "worse since" in analyst_client.get(LIST).text


@pytest.mark.parametrize("history", [(9, 9, 9), (9, 4, 2), (2,), ()])
def test_a_rule_that_did_not_get_worse_says_nothing(analyst_client, history):
    for back, caught in enumerate(reversed(history)):
        counted(back, caught)

    assert line_of(analyst_client.user).worse_since is None


def test_one_book_can_be_looked_at_alone(analyst_client):
    bank = f.BookFactory(code="bank")
    f.ContactFactory(name="Ana Silva", email="ANA@acme.example")
    f.ContactFactory(name="Ben Okri", email="BEN@acme.example", account__book=bank)
    check()

    page = analyst_client.get(LIST, {"book": "bank"}).text

    assert "Ben Okri" in page
    assert "Ana Silva" not in page
    assert analyst_client.get(LIST, {"book": "no-such-book"}).status_code == 200


def test_a_rules_page_lists_what_it_caught_fifty_at_a_time(analyst_client):
    account = f.AccountFactory()
    made = f.ContactFactory.create_batch(60, account=account, email="ANA@acme.example")
    check()

    first = analyst_client.get(rule_url())
    second = analyst_client.get(rule_url(), {"after": first.context["page"].next_cursor})

    assert [row.title for row in first.context["rows"]] == [contact.name for contact in made[:50]]
    assert [row.title for row in second.context["rows"]] == [contact.name for contact in made[50:]]
    assert "Capitals and spaces make one address look like two" in first.text
    assert account.get_absolute_url() in first.text


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_rows_that_can_be_shown(analyst_client, table):
    for (of_table, _code), plant in PLANTED.items():
        if of_table == table:
            plant()
    check(table)

    for rule in TABLES[table].rules:
        page = analyst_client.get(rule_url(table=table, code=rule.code))
        assert page.context["rows"], rule.code
    assert analyst_client.get(LIST).status_code == 200


def test_htmx_gets_the_rows_only(analyst_client):
    f.ContactFactory(name="Ana Silva", email="ANA@acme.example")
    check()

    part = analyst_client.get(rule_url(), headers={"HX-Request": "true"}).text

    assert "<html" not in part
    assert "Ana Silva" in part


def test_unknown_rules_are_not_found(analyst_client, admin_client_):
    assert analyst_client.get(rule_url(code="made_up")).status_code == 404
    assert analyst_client.get(rule_url(table="made_up")).status_code == 404
    assert admin_client_.get(rule_url("standing-rule-clean", code="unreachable")).status_code == 404
    wrong = {"table": "contacts", "code": "made_up"}
    assert analyst_client.post(reverse("crm:quality-check"), wrong).status_code == 404


def test_an_administrator_switches_and_moves_rules(admin_client_):
    before = list(QualityRule.objects.filter(table="contacts").values_list("code", flat=True))

    admin_client_.post(rule_url("standing-rule-change", code=before[1]), {"action": "up"})
    page = admin_client_.post(
        rule_url("standing-rule-change", code=before[0]), {"action": "off", "next": LIST}, follow=True
    )

    after = list(QualityRule.objects.filter(table="contacts"))
    assert [rule.code for rule in after] == [before[1], before[0], *before[2:]]
    assert [rule.is_enabled for rule in after[:2]] == [True, False]
    assert "is off." in page.text
    assert "Switch on" in page.text


def test_analysts_read_and_check_and_change_nothing(analyst_client):
    assert "Switch off" not in analyst_client.get(LIST).text
    assert analyst_client.post(rule_url("standing-rule-change"), {"action": "off"}).status_code == 403
    assert analyst_client.get(rule_url("standing-rule-clean")).status_code == 403
    assert "Clean</a>" not in analyst_client.get(rule_url()).text


def test_checking_is_one_job_however_often_it_is_asked_for(analyst_client):
    analyst_client.post(reverse("crm:quality-check"))
    analyst_client.post(reverse("crm:quality-check"))
    analyst_client.post(reverse("crm:quality-check"), {"table": "contacts", "code": "email_untidy"})

    jobs = Job.objects.filter(task="crm.check_quality").order_by("pk")
    assert [job.params for job in jobs] == [{}, {"table": "contacts", "code": "email_untidy"}]
    assert "It is being checked" in analyst_client.get(LIST).text
    assert "It is being checked" in analyst_client.get(rule_url()).text
    assert "E-mail with capitals or spaces" in analyst_client.get(jobs[1].get_absolute_url()).text


def test_cleaning_is_shown_before_it_is_done(admin_client_):
    f.ContactFactory(email="ANA@Acme.example")
    check()

    page = admin_client_.get(rule_url("standing-rule-clean")).text
    done = admin_client_.post(rule_url("standing-rule-clean"))

    assert "1 row would be written" in page
    assert "ANA@Acme.example" in page
    assert "ana@acme.example" in page
    job = Job.objects.get(task="crm.clean_rows")
    assert done.url == job.get_absolute_url()


def test_a_ticket_that_would_be_closed_says_so_in_words(admin_client_):
    f.TicketFactory(opened_at=f.NOW - timedelta(days=4000))

    page = admin_client_.get(rule_url("standing-rule-clean", "tickets", "open_for_long")).text

    assert "<code>Open</code>" in page
    assert "<code>Closed</code>" in page


def test_alerts_stand_on_the_page_on_home_and_among_the_notifications(analyst_client, sales_client):
    alert = {"book": f.BookFactory(), "kind": "orders", "on_date": local_today()}
    SourceAlert.objects.create(source="erp", what="few", value=12, usual_low=80, usual_high=120, **alert)
    SourceAlert.objects.create(
        source="", what="missing", field="phone", value=0.9, usual_low=0, usual_high=0.1, **alert
    )
    Notification.objects.create(user=analyst_client.user, kind="source.alert", data={"alerts": 2}, url=LIST)

    pages = [analyst_client.get(address).text for address in (LIST, reverse("crm:home"))]

    for page in pages:
        assert "12 rows, usually 80 to 120" in page
        assert "phone missing in 90.0" in page
        assert "Files without a source" in page
    told = analyst_client.get(reverse("crm:notification-list")).text
    assert "2 sources break their habits" in told
    assert "usually 80" not in sales_client.get(reverse("crm:home")).text


def test_before_the_first_check_the_page_says_so(analyst_client):
    QualityRule.objects.all().delete()

    page = analyst_client.get(LIST).text

    assert "Not checked yet" in page
    assert "Nothing has come in yet" in page
