"""A page asks the database as often with 30 rows as with 3."""

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import ModelVersion
from campaigns.models import Campaign, Enrolment
from crm.models import (
    ApiKey,
    AttributeValue,
    ChangeSet,
    DuplicatePair,
    ExchangeRate,
    Import,
    QualityCount,
    QuarantinedRow,
    RuleCount,
    RuleHit,
    SourceAlert,
    SourceDay,
    Visitor,
    WebSession,
)
from crm.pipelines.quality import check_table
from crm.services import bin as bin_service
from crm.services.accounts import edit_account
from crm.services.bulk_edits import assign_accounts
from crm.services.change_sets import open_change_set
from crm.services.merges import merge, propose, unmerge
from crm.services.quality_rules import TABLES, sync_rules
from tests import factories as f
from tests.architecture.permissions import API_ROWS, ROWS
from tests.evaluation_stages import make_evaluation
from tests.model_checks import add_troubled_checks
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db
FILES = {"crm:account-export-file", "analytics:evaluation-file"}
FURTHER = {
    "crm:account-field": {"name": "owner"},
    "crm:book-edit": {"code": "wholesale"},
    "crm:quality-rule": {"code": "no_price"},
    "crm:standing-rule": {"table": "contacts", "code": "unreachable"},
    "crm:standing-rule-clean": {"table": "contacts", "code": "name_with_spaces"},
    "campaigns:campaign-accounts": {"step": "enrolled"},
}
TABS = ("timeline", "orders", "invoices", "people", "tickets", "scores", "campaigns", "audit")


def company(rows: int) -> SimpleNamespace:
    """Make `rows` of everything: of the first account, and of the lists."""
    user = f.UserFactory(role="administrator")
    caller = Caller.make()
    account = furnished(caller, user, rows)
    for _ in range(rows - 1):
        furnished(caller, user, 1)
    campaigns = [make_campaign(number, account) for number in range(rows)]
    jobs = [f.JobFactory(owner=user) for _ in range(rows)]
    changes = [make_change(account, user, rows) for _ in range(rows)]
    for number in range(rows):
        f.PartnerAccountFactory(account=account)
        f.SavedViewFactory(owner=user)
        colleague = f.UserFactory(team=f.TeamFactory())
        binned = bin_service.move_to_bin(account=f.AccountFactory(), by=user)
        key = {"label": "k", "prefix": f"k{number}", "digest": bytes([number] * 32)}
        ApiKey.objects.create(partner=caller.partner, **key)
    versions = [make_version(number) for number in range(rows)]
    evaluations = [make_evaluation("done", user) for _ in range(rows)]
    imports = [make_import(number, account, rows) for number in range(rows)]
    files = make_files(account, rows)
    sites = [make_site(account, rows) for _ in range(rows)]
    feeds = [make_feed(rows) for _ in range(rows)]
    make_quality(account.book, rows)
    make_rates(rows)
    attribute = make_attributes(account, rows)
    product = make_product(account, rows)
    return SimpleNamespace(
        user=user, caller=caller, account=account, product=product,
        campaign=campaigns[0], job=jobs[0], partner=caller.partner,
        change=changes[0],
        binned=binned, feed=feeds[0], version=versions[0],
        evaluation=evaluations[0], order=account.orders.first(),
        contact=account.contacts.first(),
        ticket=account.tickets.first(), pair=make_duplicates(rows, user), source=imports[0], site=sites[0],
        files=files, person=colleague,
        attribute=attribute,
    )  # fmt: skip


def furnished(caller: Caller, user, rows: int):
    account = caller.account(owner=user)
    f.ScoreFactory(account=account, reasons=[{"code": "recency", "points": 1.0, "values": {"days": 3}}])
    f.ScoreFactory(account=account, kind="purchase")
    f.ValueFactory(account=account)
    f.ExternalIdFactory(row_id=account.pk)
    for number in range(rows):
        at = f.NOW - timedelta(days=40 * number)
        f.OrderFactory(account=account, placed_at=at, lines=rows)
        f.PaymentFactory(invoice__account=account)
        f.ContactFactory(account=account)
        f.TicketFactory(account=account, assignee=user)
        f.TaskFactory(account=account, assignee=user)
        f.ActivityFactory(account=account, author=user, is_pinned=number % 2 == 0)
        f.RecommendationFactory(
            account=account, rank=number + 1,
            reason={"code": "goes_with", "product_id": f.ProductFactory(book=account.book).pk, "share": 0.3},
        )  # fmt: skip
        account = edit_account(account=account, revision=account.revision, changes={"name": f"Name {number}"})
    return account


def make_product(account, rows: int):
    """Make one that is bought with others, recommended, and in the baskets of similar accounts."""
    product = f.ProductFactory(book=account.book, category="Lamps")
    others = f.ProductFactory.create_batch(rows, book=account.book)
    for rank, other in enumerate(others, start=1):
        f.ProductPairFactory(product=product, other=other, rank=rank)
    for one in (product, *others):
        f.ProductFiguresFactory(product=one)
    basket = sorted([product.pk, *(other.pk for other in others)])
    f.BasketFactory(account=account, products=basket)
    for _ in range(rows):
        other = f.AccountFactory(book=account.book)
        f.BasketFactory(account=other, products=basket)
        f.RecommendationFactory(account=other, product=product, kind="new")
        f.OrderLineFactory(order=f.OrderFactory(account=other, lines=0), product=product)
    return product


def make_change(account, user, rows: int) -> ChangeSet:
    change_set, _changed = assign_accounts(account_ids=[account.pk], owner=f.UserFactory(), by=user)
    assert change_set is not None
    refused = [{"table": "crm_account", "id": account.pk, "code": "edited"}] * rows
    ChangeSet.objects.filter(pk=change_set.pk).update(data={**change_set.data, "refused": refused})
    return change_set


def make_campaign(number: int, account) -> Campaign:
    campaign = Campaign.objects.create(
        book=account.book, name=f"Campaign {number}", code=f"c{number}", channel="email", starts_at=f.NOW,
        ends_at=f.NOW, salt="s", cost_amount=0, currency="GBP",
    )  # fmt: skip
    for other in type(account).objects.all():
        Enrolment.objects.create(
            campaign=campaign, account=other, arm="treated", propensity=0.9, enrolled_at=f.NOW
        )
    return campaign


def make_import(number: int, account, rows: int) -> Import:
    source = Import.objects.create(
        book=account.book, layout=str(number), file_name="f", sha256="0" * 64, rows_read=rows
    )
    RuleCount.objects.create(source_import=source, rule="no_price", verdict="rejected", position=0, rows=rows)
    for row_number in range(rows):
        RuleHit.objects.create(
            source_import=source, rule="no_price", verdict="rejected", row_number=row_number, field="Price",
            row={"Price": 0},
        )  # fmt: skip
    return source


def make_files(account, rows: int) -> list[Import]:
    """Make files, the first one checked and the second undone, each with refused rows and many columns."""
    columns = [f"column {number}" for number in range(rows)]
    files: list[Import] = [
        f.ImportFactory(
            book=account.book, columns=columns, state=state, rows_read=rows,
            counts={"rows": {"create": rows}},
            reading={"sample": [columns] * rows, "types": {}},
        )
        for state in ["validated", "undone", *["done"] * rows]
    ]  # fmt: skip
    for source in files[:2]:
        for number in range(1, rows + 1):
            QuarantinedRow.objects.create(
                source_import=source, row_number=number, cells=dict.fromkeys(columns, "x"),
                errors=[{"column": "column 1", "value": "x", "code": "required", "data": {}}],
            )  # fmt: skip
    change_set = open_change_set(kind=ChangeSet.Kind.IMPORT, owner=None, source_import=files[1])
    ids = type(account).objects.values_list("pk", flat=True)[:rows]
    change_set.data = {"refused": [{"table": "crm_account", "id": pk, "code": "edited"} for pk in ids]}
    change_set.state = ChangeSet.State.UNDONE
    change_set.save()
    return files


def make_attributes(account, rows: int):
    """Make as many books, attributes, choices, and accounts that have one."""
    choices = {f"c{number}": f"Choice {number}" for number in range(rows)}
    definitions = [f.AttributeDefinitionFactory(type="choice", choices=choices) for _ in range(rows)]
    for number in range(rows):
        f.BookFactory(code=f"ledger-{number}")
        AttributeValue.objects.create(
            account=account if number == 0 else f.AccountFactory(), attribute=definitions[0], value="c0",
            valid_from=f.NOW,
        )  # fmt: skip
    return definitions[0]


def make_site(account, rows: int):
    site = f.TrackedSiteFactory()
    for number in range(rows):
        visitor = Visitor.objects.create(site=site, key=f"{site.pk}-{number}", account=account)
        WebSession.objects.create(visitor=visitor, started_at=f.NOW, ended_at=f.NOW, events=3)
    return site


def make_duplicates(rows: int, user) -> DuplicatePair:
    """Make as many proposals, merges and merges taken back, of few accounts: they fill the list too."""
    survivor = f.AccountFactory()
    for _ in range(rows):
        other = f.AccountFactory()
        parted = merge(survivor=survivor, other=other, choices={}, by=user)
        unmerge(change_set=parted, by=user)
        merge(survivor=survivor, other=other, choices={}, by=user)
    accounts: list = []
    while len(accounts) * (len(accounts) - 1) // 2 < rows:
        accounts.append(f.AccountFactory(name="Twin", attributes={f"k{n}": n for n in range(rows)}))
    pairs = [propose(one=one, two=two) for one, two in combinations(accounts, 2)]
    return pairs[0]


def make_feed(rows: int):
    feed = f.DataFeedFactory(contract={"columns": {f"column {number}": "text" for number in range(rows)}})
    for number in range(rows):
        source = f.ImportFactory(sha256=f"{feed.pk}-{number}")
        feed.files.create(name=f"{number}.csv", sha256=str(number), source_import=source)
    return feed


def make_quality(book, rows: int) -> None:
    sync_rules()
    for table in TABLES.values():
        check_table(table, table.rules)
    # What a rule catches is looked up: old orders, of which only many rows have some, would add a table.
    QualityCount.objects.filter(caught=0).update(examples=[1])
    for number in range(rows):
        source = {"book": book, "source": f"source {number}", "kind": "accounts", "on_date": f.NOW.date()}
        SourceDay.objects.create(rows=10, **source)
        SourceAlert.objects.create(what="few", value=10, usual_low=20, usual_high=30, **source)


def make_rates(rows: int) -> None:
    for number in range(rows):
        day = f.NOW.date() - timedelta(days=number)
        ExchangeRate.objects.create(base="SEK", quote="GBP", valid_from=day, rate=0.08)


def make_version(number: int) -> ModelVersion:
    version = ModelVersion.objects.create(
        book=f.BookFactory(), kind="churn", version=f"churn-{number}", state="evaluated", horizon_days=90,
        as_of=f.NOW, artifact=b"", sha256="",
    )  # fmt: skip
    add_troubled_checks(version)
    return version


def counts(rows: int) -> dict[str, int]:
    made = company(rows)
    client = Client()
    client.force_login(made.user)
    found = {}
    for name, address in addresses(made).items():
        found[name] = count(lambda address=address: client.get(address))
    for row in API_ROWS:
        if row.scope and row.method == "get":
            named = made.order if "order-detail" in row.route else made.account
            address = reverse(row.route, kwargs={"public_id": named.public_id} if row.target else {})
            found[row.route] = count(lambda path=address: made.caller.get(path.removeprefix("/api/v1")))
    return found


def count(ask: Callable) -> int:
    ask()  # the first request of a process fills caches of the framework
    with CaptureQueriesContext(connection) as queries:
        response = ask()
    assert response.status_code == 200
    return len(queries)


def addresses(made: SimpleNamespace) -> dict[str, str]:
    """Return the address of every page that shows rows, for an administrator."""
    kinds = {
        "crm:account": made.account, "crm:contact": made.contact, "crm:order": made.order,
        "crm:duplicate": made.pair, "crm:account-merge": made.account,
        "crm:product": made.product,
        "crm:ticket": made.ticket, "crm:ticket-create": made.account, "crm:contact-create": made.account,
        "crm:job": made.job, "crm:partner": made.partner, "crm:partner-link": made.partner,
        "crm:change": made.change, "crm:bin": made.binned,
        "crm:person": made.person, "crm:person-second-factor": made.person, "crm:team": made.person.team,
        "crm:partner-key": made.partner, "campaigns:campaign": made.campaign,
        "analytics:model": made.version, "analytics:evaluation": made.evaluation, "crm:quality": made.source,
        "crm:attribute": made.attribute,
        "crm:site": made.site, "crm:data-feed": made.feed, "crm:import": made.files[0],
    }  # fmt: skip
    found = {}
    for row in ROWS:
        if row.method != "get" or row.route in FILES:
            continue
        kwargs = dict(FURTHER.get(row.route, {}))
        named = kinds.get(row.route) or kinds.get(row.route.rsplit("-", 1)[0])
        if row.target and named:
            kwargs["public_id"] = named.public_id
        assert named or kwargs or not row.target, f"say which record {row.route} shows"
        found[row.route] = reverse(row.route, kwargs=kwargs)
    found |= {
        "import, its columns": f"{found['crm:import-detail']}?step=columns",
        "import, undone": reverse("crm:import-detail", args=[made.files[1].public_id]),
    }
    account = made.account.get_absolute_url()
    found |= {f"account tab {tab}": f"{account}?tab={tab}" for tab in TABS}
    lists = (
        "sort=-churn",
        "more=1&book=wholesale",
        "q=name&has_open_ticket=true",
        "churn_min=10%25&sort=-value",
    )
    return found | {f"account list {query}": f"/accounts/?{query}" for query in lists}


def test_no_page_asks_more_often_when_there_are_more_rows():
    with transaction.atomic():
        few = counts(3)
        transaction.set_rollback(True)
    many = counts(30)

    grown = {name: (few[name], many[name]) for name in few if few[name] != many[name]}
    assert grown == {}
