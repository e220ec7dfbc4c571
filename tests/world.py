"""A small company in which every page has something to show.

`build_world()` makes it in plain English; `build_world(disguised)` writes each text that somebody
could have typed in Greek letters, so that Latin letters on a page are the product's own words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.hashers import make_password
from django.db import connection

from analytics.models import ModelVersion
from campaigns.models import Campaign, Delivery, Enrolment, Offered, Response
from campaigns.services.publish import Band, NewLiftReport, publish_lift_report
from crm import models
from crm.pipelines.quality import check_table
from crm.selectors.source_habits import local_today
from crm.services.accounts import edit_account
from crm.services.api_keys import create_api_key
from crm.services.bin import move_to_bin
from crm.services.merges import merge, propose, unmerge
from crm.services.quality_rules import TABLES, sync_rules
from crm.services.source_alerts import check_sources
from tests import factories
from tests.model_checks import add_reason_totals, add_troubled_checks

PASSWORD = "a plain sentence opens it"
ROLES = [str(role) for role in models.User.Role.values]
Say = Callable[[str], str]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
GREEK = "αβχδεφγηιξκλμνοπψρστυωςθζζ"
TO_GREEK = str.maketrans(LETTERS + LETTERS.upper(), GREEK + GREEK.upper())

UP = {"code": "recency", "points": 1.4, "values": {"days": 94, "usual_days": 31}}
DOWN = {"code": "frequency", "points": -0.6, "values": {"orders": 12, "days": 365}}
TREND = {"code": "trend", "points": 0.5, "values": {"change_share": -0.4}}


def plain(text: str) -> str:
    return text


def disguised(text: str) -> str:
    return text.translate(TO_GREEK)


@dataclass
class World:
    say: Say
    now: datetime
    book: models.Book
    bank: models.Book
    team: models.Team
    people: dict[str, models.User]
    account: models.Account
    debtor: models.Account
    lead: models.Account
    order: models.Order
    product: models.Product
    unsold: models.Product
    contact: models.Contact
    ticket: models.Ticket
    task: models.Task
    activity: models.Activity
    partner: models.Partner
    link: models.PartnerAccount
    key: models.ApiKey
    campaign: Campaign
    model: ModelVersion
    rejected: ModelVersion
    jobs: dict[str, models.Job]
    binned: models.Bin
    source_import: models.Import
    duplicates: models.DuplicatePair


def build_world(say: Say = plain) -> World:
    now = database_now()
    book, bank = make_books(say, now)
    team = factories.TeamFactory(name=say("North"))
    people = {role: make_person(say, role, team) for role in ROLES}
    people["careful"] = make_careful_person(say)
    owner = people["sales"]
    products = [
        factories.ProductFactory(book=book, name=say(name))
        for name in ("Paper lantern", "Tea towel", "Cake stand", "Jam jar")
    ]
    account = make_customer(say, now, book=book, owner=owner, team=team, products=products)
    debtor = make_debtor(say, now, book=bank, owner=owner, team=team)
    make_products_known(say, now, account, products)
    lead = factories.AccountFactory(
        book=book, name=say("Quince Stores"), stage="lead", country="DE", owner=None, team=None
    )
    make_many(say, now, book=book, owner=owner, team=team)
    partner, link, key = make_partner(say, now, account=account, by=people["partner_manager"])
    binned = move_to_bin(
        account=factories.AccountFactory(book=book, name=say("Gone Limited")), by=people["administrator"]
    )
    make_quality(say, book)
    model, rejected = make_models(now, book)
    for kind in ("job.done", "job.failed"):
        factories.NotificationFactory(user=people["administrator"], kind=kind)
    models.User.objects.filter(pk=people["administrator"].pk).update(unread_notifications=2)
    return World(
        say=say, now=now, book=book, bank=bank, team=team, people=people,
        account=account, debtor=debtor, lead=lead,
        order=account.orders.earliest("pk"),
        product=products[0],
        unsold=factories.ProductFactory(book=book, name=say("Gas mantle"), price=None, is_sold=False),
        contact=account.contacts.get(),
        ticket=account.tickets.earliest("pk"),
        task=account.tasks.earliest("pk"),
        activity=account.activities.earliest("pk"),
        partner=partner, link=link, key=key,
        campaign=make_campaign(say, now, book=book, account=account, debtor=lead),
        model=model, rejected=rejected,
        jobs=make_jobs(owner),
        binned=binned,
        source_import=make_import(say, book, now),
        duplicates=make_duplicates(say, book, by=people["administrator"]),
    )  # fmt: skip


def make_quality(say: Say, book: models.Book) -> None:
    """What the rules catch, rather more than two weeks ago, and two sources: one has fallen silent."""
    sync_rules()
    messy = factories.AccountFactory(book=book, name=say("Untidy  Stores"), country="", phone="+49 30 555")
    factories.ContactFactory(account=messy, name=say("Ana  Silva"), email=say("ana") + "@EXAMPLE.com")
    for table in TABLES.values():
        check_table(table, table.rules)
    today = local_today()
    for back in range(1, 21):
        for count in models.QualityCount.objects.filter(on_date=today):
            caught = count.caught if back < 14 else count.caught // 3
            models.QualityCount.objects.create(
                book=count.book, table=count.table, code=count.code, on_date=today - timedelta(days=back),
                caught=caught, checked=count.checked,
            )  # fmt: skip
        for source, rows in ((say("webshop"), 900 + 7 * (back % 5)), (say("till"), 40 if back > 3 else 0)):
            models.SourceDay.objects.create(
                book=book, source=source, kind="orders", on_date=today - timedelta(days=back), rows=rows,
                missing={"currency": 0.02}, last_at=database_now() - timedelta(days=max(back, 1)),
            )  # fmt: skip
    check_sources()


def make_duplicates(say: Say, book: models.Book, *, by: models.User) -> models.DuplicatePair:
    """Two that look like one, two that were merged, and two that were merged and are two again."""
    details = {"book": book, "phone": "+44 20 7946 0321"}
    for name in ("Merged Limited", "Parted Limited"):
        kept, other = (factories.AccountFactory(name=say(name), **details) for _ in range(2))
        made = merge(survivor=kept, other=other, choices={}, by=by)
    edit_account(account=kept, revision=kept.revision, changes={"name": say("Parted Stores")})
    unmerge(change_set=made, by=by)
    first = factories.AccountFactory(name=say("Twin Stores Limited"), country="DE", **details)
    second = factories.AccountFactory(name=say("Twin Stores"), website=say("twin.example"), **details)
    return propose(one=first, two=second)


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def make_books(say: Say, now: datetime) -> tuple[models.Book, models.Book]:
    if not models.Organisation.objects.exists():
        models.Organisation.objects.create(id=1, name=say("Larder and Loft"))
    demo = {"is_demo": True, "ends_at": now, "starts_at": now - timedelta(days=365), "shifted_weeks": 800}
    models.ExchangeRate.objects.get_or_create(
        base="TWD", quote="GBP", valid_from=(now - timedelta(days=800)).date(),
        defaults={"rate": Decimal("0.0245"), "source": say("Central bank")},
    )  # fmt: skip
    wholesale = factories.BookFactory(code="wholesale", name=say("Wholesale"), **demo)
    bank = factories.BookFactory(
        code="bank", name=say("Bank"), currency="TWD", score_kinds=["payment_risk"], **demo
    )
    return wholesale, bank


def make_person(say: Say, role: str, team: models.Team) -> models.User:
    return factories.UserFactory(
        username=say(f"{role}-person"),
        first_name=say(role.replace("_", " ").capitalize()),
        last_name=say("Person"),
        email=f"{role}@example.com",
        role=role,
        team=team if role == "sales" else None,
        password=None,
    )


def make_careful_person(say: Say) -> models.User:
    """Somebody who signs in with two factors."""
    user = factories.UserFactory(username=say("careful-person"), email="careful@example.com")
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    return user


def give_passwords(world: World) -> None:
    hashed = make_password(PASSWORD)
    for user in world.people.values():
        user.password = hashed  # on the objects too: sessions depend on it
        user.save(update_fields=["password"])


def make_customer(
    say: Say, now: datetime, *, book: models.Book, owner: models.User, team: models.Team,
    products: Sequence[models.Product],
) -> models.Account:  # fmt: skip
    account = factories.AccountFactory(
        book=book, name=say("Harbour Gifts"), industry=say("Gifts"), owner=owner, team=team,
        customer_since=(now - timedelta(days=900)).date(),
    )  # fmt: skip
    for days in (20, 94, 130, 160):
        factories.OrderFactory(
            account=account, placed_at=now - timedelta(days=days), lines__product=products[0], amount=240
        )
    factories.OrderFactory(
        account=account, kind="return", amount=-20, placed_at=now - timedelta(days=10),
        lines__product=products[0], lines__quantity=-2,
    )  # fmt: skip
    invoice = factories.InvoiceFactory(account=account, issued_at=now - timedelta(days=70))
    factories.PaymentFactory(invoice=invoice, paid_at=now - timedelta(days=40))
    factories.InvoiceFactory(account=account, issued_at=now - timedelta(days=50))
    factories.ContactFactory(
        account=account, name=say("Rosa Lind"), job_title=say("Buyer"), email="rosa@example.com",
        phone="+44 20 7946 0000",
    )  # fmt: skip
    publish_by_hand(now, account, products)
    work_on(say, now, account, owner)
    return account


def make_products_known(
    say: Say, now: datetime, account: models.Account, products: Sequence[models.Product]
) -> None:
    """What the night says of them, and a neighbour that buys most of what the account buys."""
    for place, product in enumerate(products):
        factories.ProductFiguresFactory(product=product, buyers=12 + 9 * place, as_of=now)
    for rank, other in enumerate(products[1:], start=1):
        factories.ProductPairFactory(
            product=products[0],
            other=other,
            rank=rank,
            bought_both=9 - rank,
            buyers=12,
            lift=4.0 - rank,
            as_of=now,
        )
    like = factories.AccountFactory(
        book=account.book, name=say("Damson Interiors"), owner=account.owner, team=account.team
    )
    baskets = ((account, products[:3]), (like, products))
    for buyer, bought in baskets:
        ids = sorted(product.pk for product in bought)
        factories.BasketFactory(account=buyer, products=ids, as_of=now)
    factories.RecommendationFactory(account=like, product=products[0], kind="new", score=0.31, as_of=now)


def publish_by_hand(now: datetime, account: models.Account, products: Sequence[models.Product]) -> None:
    common = {"account": account, "as_of": now, "published_at": now}
    factories.ScoreFactory(
        **common, kind="churn", value=0.62, previous_value=0.48, reasons=[UP, TREND, DOWN],
        base_log_odds=-0.81, weekly_values=[0.2, 0.24, 0.3, 0.48, 0.62], weekly_models=[1, 1, 1, 2, 2],
        weekly_as_of=now,
    )  # fmt: skip
    factories.ScoreFactory(
        **common, kind="purchase", value=0.31, reasons=[DOWN], base_log_odds=-0.2, horizon_days=30
    )
    factories.ValueFactory(**common, amount=Decimal(4200), low=Decimal(2900), high=Decimal(6100))
    for low in (0.2, 0.6):
        factories.ReliabilityFactory(
            book=account.book, low=low, high=low + 0.1, mean_predicted=low + 0.05,
            interval_low=low, interval_high=low + 0.15, accounts=412, happened=round(412 * (low + 0.06)),
        )  # fmt: skip
    offers = {
        "new": {"code": "goes_with", "product_id": products[0].pk, "share": 0.4},
        "repeat": {"code": "repeat", "days": 40, "usual_days": 35},
        "popular": {"code": "popular", "accounts": 88},
    }
    for rank, (kind, reason) in enumerate(offers.items(), start=1):
        factories.RecommendationFactory(
            account=account, product=products[rank], kind=kind, rank=rank, reason=reason, as_of=now
        )


def work_on(say: Say, now: datetime, account: models.Account, owner: models.User) -> None:
    for kind, days in (("note", 1), ("call", 3), ("meeting", 40)):
        factories.ActivityFactory(
            account=account, kind=kind, text=say(f"They asked about the {kind}."), author=owner,
            at=now - timedelta(days=days), is_pinned=kind == "meeting",
        )  # fmt: skip
    for state, subject in (("open", "Broken lantern"), ("pending", "Missing box"), ("solved", "Wrong bill")):
        factories.TicketFactory(
            account=account, kind="complaint", state=state, subject=say(subject), text=say("It came so."),
            priority=3, assignee=owner, opened_at=now - timedelta(days=4),
            solved_at=now if state == "solved" else None,
        )  # fmt: skip
    for title, days in (("Ring them", -2), ("Send the list", 3)):
        factories.TaskFactory(
            account=account, title=say(title), due_date=(now + timedelta(days=days)).date(),
            assignee=owner, created_by=owner,
        )  # fmt: skip
    factories.TaskFactory(account=account, title=say("Thank them"), done_at=now, assignee=owner)


def make_debtor(
    say: Say, now: datetime, *, book: models.Book, owner: models.User, team: models.Team
) -> models.Account:
    account = factories.AccountFactory(
        book=book, kind="person", name=say("Mei Lin"), country="TW", owner=owner, team=team
    )
    definition = factories.AttributeDefinitionFactory(
        key="l1", label=say("Credit limit"), type="number", is_known_before=True
    )
    account.attributes = {definition.key: 50_000}
    account.save()
    for days in (200, 100):
        factories.InvoiceFactory(account=account, amount=9000, issued_at=now - timedelta(days=days))
    reasons = [
        {"code": "payment_delay", "points": 1.1, "values": {"invoices": 2, "days": 70}},
        {"code": "balance", "points": 0.4, "values": {"share": 0.9}},
        {
            "code": f"attribute:{definition.key}",
            "points": -0.3,
            "values": {"label": definition.label, "value": 50_000},
        },
    ]
    factories.ScoreFactory(
        account=account, kind="payment_risk", value=0.44, reasons=reasons, base_log_odds=-1.44,
        horizon_days=30, as_of=now, published_at=now,
    )  # fmt: skip
    factories.ValueFactory(
        account=account, kind="expected_loss", amount=Decimal(3960), as_of=now, published_at=now,
        details={"exposure": 9000}, horizon_days=30,
    )  # fmt: skip
    return account


def make_many(say: Say, now: datetime, *, book: models.Book, owner: models.User, team: models.Team) -> None:
    """More than one page of the list, with a spread of scores."""
    for number in range(60):
        account = factories.AccountFactory(
            book=book, name=say(f"Corner shop {number:03d}"), owner=owner, team=team,
            country=("GB", "FR", "DE")[number % 3],
        )  # fmt: skip
        if number % 4:
            factories.ScoreFactory(account=account, value=number / 100, as_of=now, published_at=now)
            factories.ValueFactory(account=account, amount=Decimal(number * 100), as_of=now, published_at=now)


def make_partner(
    say: Say, now: datetime, *, account: models.Account, by: models.User
) -> tuple[models.Partner, models.PartnerAccount, models.ApiKey]:
    partner = factories.PartnerFactory(name=say("Northwind Traders"), book=account.book, country="GB")
    link = factories.PartnerAccountFactory(partner=partner, account=account, since=now - timedelta(days=90))
    made = create_api_key(partner=partner, label=say("Nightly copy"), scopes=["accounts:read"], created_by=by)
    models.ApiKey.objects.filter(pk=made.key.pk).update(prefix="0123456789ab")  # letters would be random
    made.key.refresh_from_db()
    return partner, link, made.key


def make_campaign(
    say: Say, now: datetime, *, book: models.Book, account: models.Account, debtor: models.Account
) -> Campaign:
    campaign = Campaign.objects.create(
        book=book, name=say("Spring lanterns"), code="spring-lanterns", channel="email", state="done",
        starts_at=now - timedelta(days=80), ends_at=now - timedelta(days=50), response_score="purchase",
        salt="s", budget_amount=3000, cost_amount=2400, currency="GBP", is_simulated=True,
    )  # fmt: skip
    scores = {"churn": 0.3, "purchase": 0.4}
    enrolments = [
        Enrolment.objects.create(
            campaign=campaign, account=who, arm=arm, propensity=0.8, enrolled_at=campaign.starts_at,
            scores=scores, values={"customer_value": 1200},
        )
        for who, arm in ((account, "treated"), (debtor, "holdout"))
    ]  # fmt: skip
    Delivery.objects.create(
        campaign=campaign, account=account, contact=account.contacts.get(), state="delivered"
    )
    for kind in ("opened", "converted"):
        Response.objects.create(
            enrolment=enrolments[0], kind=kind, at=campaign.starts_at, amount_reporting=120, is_simulated=True
        )
    Offered.objects.create(
        enrolment=enrolments[0], product=account.recommendations.get(rank=1).product, rank=1, kind="new",
        bought_at=campaign.ends_at,
    )  # fmt: skip
    bands = [
        Band(group, low, low + 0.5, 200, 60, low + 0.2, low + 0.1, low + 0.3)
        for group in ("treated", "holdout")
        for low in (0.0, 0.5)
    ]
    report = NewLiftReport(
        treated=400, treated_converted=120, holdout=100, holdout_converted=20,
        difference=0.1, difference_low=0.02, difference_high=0.17,
        incremental_conversions=40, incremental_conversions_low=8, incremental_conversions_high=68,
        incremental_amount=8400, incremental_amount_low=900, incremental_amount_high=15_000,
        sample_ratio_p_value=0.4, method="newcombe-welch-1", as_of=now, bands=bands,
    )  # fmt: skip
    publish_lift_report(campaign=campaign, report=report)
    return campaign


def make_models(now: datetime, book: models.Book) -> tuple[ModelVersion, ModelVersion]:
    bands = [
        {"mean_predicted": x / 10 + 0.05, "share": x / 10 + 0.06, "ci_low": x / 10, "ci_high": x / 10 + 0.1,
         "n": 40}
        for x in range(8)
    ]  # fmt: skip
    gate = {
        "auc": 0.78, "auc_low": 0.75, "auc_high": 0.81, "log_loss": 0.51, "rival_log_loss": 0.55,
        "slope": 1.02, "intercept": 0.01, "ece": 0.02, "ece_floor": 0.015, "n": 900, "positives": 300,
        "log_loss_low": 0.48, "log_loss_high": 0.54, "brier": 0.17, "brier_low": 0.16, "brier_high": 0.18,
        "ece_low": 0.01, "ece_high": 0.04,
    }  # fmt: skip
    metrics = {
        "gate": gate, "reliability": bands, "protocol": "temporal", "rows": 4000,
        "features": [{"code": "recency", "spread": 0.8}, {"code": "money", "spread": 0.3}],
    }  # fmt: skip
    common = {
        "book": book, "kind": "churn", "horizon_days": 90, "as_of": now,
        "trained_from": now - timedelta(days=300), "trained_to": now - timedelta(days=90),
        "library_versions": {"scikit-learn": "1.7"},
        "artifact": b"",
        "sha256": "0" * 64, "metrics": metrics,
    }  # fmt: skip
    live = ModelVersion.objects.create(
        **common, version="wholesale-churn-2", state="live", verdict={"passed": True}
    )
    add_troubled_checks(live)
    add_reason_totals(live)
    ModelVersion.objects.create(**common, version="wholesale-churn-1", state="retired")
    rejected = ModelVersion.objects.create(
        **common, version="wholesale-churn-3", state="rejected",
        verdict={"passed": False, "reasons": [{"code": "slope_out_of_range"}, {"code": "not_better"}]},
    )  # fmt: skip
    return live, rejected


def make_jobs(owner: models.User) -> dict[str, models.Job]:
    now = database_now()
    details = {
        "queued": {},
        "running": {"attempt": 1, "done": 40, "total": 100, "phase": "scoring", "phase_started_at": now},
        "done": {"attempt": 1, "finished_at": now, "result": {"scored": 400}},
        "failed": {"attempt": 3, "finished_at": now, "error": {"code": "worker_lost"}, "error_count": 2},
        "cancelled": {"attempt": 1, "finished_at": now, "cancelled_by": owner},
    }
    # Nobody may take the queued one: nothing was sent, and it is due in the far future.
    return {
        state: factories.JobFactory(
            task="analytics.score_book", scope=f"book:{state}", state=state, owner=owner,
            started_at=None if state == "queued" else now - timedelta(seconds=90),
            heartbeat_at=now if state == "running" else None,
            due_at=now + timedelta(days=3650 if state == "queued" else 0), **more,
        )
        for state, more in details.items()
    }  # fmt: skip


def make_import(say: Say, book: models.Book, now: datetime) -> models.Import:
    source = models.Import.objects.create(
        book=book, layout="online_retail", file_name=say("orders") + ".parquet", sha256="0" * 64,
        state="done", rows_read=1000, counts={"orders": {"inserted": 90, "updated": 0}},
        started_at=now, finished_at=now,
    )  # fmt: skip
    for position, (rule, verdict, rows) in enumerate(
        [("no_customer", "rejected", 12), ("no_price", "rejected", 1), ("exact_duplicate", "kept", 0)]
    ):
        models.RuleCount.objects.create(
            source_import=source, rule=rule, verdict=verdict, position=position, rows=rows
        )
    for number in range(1, 13):
        models.RuleHit.objects.create(
            source_import=source, rule="no_customer", verdict="rejected", row_number=number,
            field="Customer ID", row={"Invoice": f"5{number:05d}", "Customer ID": None},
        )  # fmt: skip
    return source
