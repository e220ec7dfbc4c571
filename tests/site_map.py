"""Every route of the site: the pages with an address that shows something, and what is no page.

A route that stands in neither table fails `tests/architecture/test_site_map.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm.models import AttributeDefinition, Book, ChangeSet, DataFeed, TrackedSite, Visitor, WebSession
from crm.services.bulk_edits import assign_accounts
from tests.evaluation_stages import STAGES as EVALUATION_STAGES
from tests.evaluation_stages import evaluation_stage
from tests.import_stages import STAGES, file_import
from tests.world import World

Address = Callable[[World], str]


@dataclass(frozen=True)
class Page:
    route: str
    address: Address
    role: str = "administrator"  # "" is nobody
    status: int = 200
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.route


def page(route: str, *, query: str = "", role: str = "administrator", name: str = "", **ids: object) -> Page:
    """Return a page; each id is a function of the world, or a plain value."""

    def address(world: World) -> str:
        kwargs = {key: value(world) if callable(value) else value for key, value in ids.items()}
        return reverse(route, kwargs=kwargs) + query

    return Page(route, address, role, name=name)


def of(name: str) -> Callable[[World], str]:
    return lambda world: str(getattr(world, name).public_id)


def data_feed(world: World) -> str:
    """Return a feed that has stopped, with its contract, made when it is first asked for."""
    problem = {"code": "column_missing", "data": {"column": world.say("Price")}, "file": world.say("may.csv")}
    contract = {"columns": {world.say("Number"): "text", world.say("Price"): "number"}, "required": []}
    feed, _made = DataFeed.objects.get_or_create(
        name=world.say("Orders of the shop"),
        defaults={
            "book": world.book, "layout": "orders", "source": world.say("shop"), "via": "folder",
            "address": world.say("shop"), "state": "stopped", "problem": problem, "contract": contract,
        },
    )  # fmt: skip
    return str(feed.public_id)


def staff(who: str) -> Callable[[World], str]:
    return lambda world: str(world.people[who].public_id)


def tracked_site(world: World) -> str:
    """Return the company's site, made when it is first asked for."""
    origins = ["https://shop.example.com", "http://localhost:8080"]
    site, made = TrackedSite.objects.get_or_create(
        name=world.say("Lantern shop"), defaults={"book": world.book, "origins": origins}
    )
    if made:
        visitor = Visitor.objects.create(site=site, key=f"{site.pk}-1", account=world.account)
        for days in range(0, 20, 3):
            at = world.now - timedelta(days=days)
            WebSession.objects.create(
                visitor=visitor, started_at=at, ended_at=at, events=20 - days, source=world.say("newsletter")
            )
    return str(site.public_id)


def attribute(world: World) -> str:
    """Return the attribute that the debtor has a value of."""
    key = next(iter(world.debtor.attributes))
    return str(AttributeDefinition.objects.get(key=key).public_id)


def company_book(world: World) -> str:
    """Return a book of the company's own, made when it is first asked for."""
    details = {"name": world.say("Lanterns"), "currency": "GBP", "score_kinds": ["churn"]}
    return Book.objects.get_or_create(code="lanterns", defaults=details)[0].code


def bulk_edit(world: World) -> str:
    """Return the company's bulk change, made when it is first asked for."""
    to, by = world.people["support"], world.people["administrator"]
    found = ChangeSet.objects.filter(kind="bulk_edit").first()
    if found is None:
        found, _changed = assign_accounts(account_ids=[world.lead.pk], owner=to, by=by)
    assert found is not None
    return str(found.public_id)


PAGES = [
    page("crm:home"),
    page("crm:home", role="sales", name="home-of-sales"),
    page("crm:home", role="support", name="home-of-support"),
    page("crm:home", role="marketing", name="home-of-marketing"),
    page("crm:home", role="analyst", name="home-of-analyst"),
    page("crm:home", role="partner_manager", name="home-of-partner-manager"),
    page("crm:account-list"),
    page("crm:account-list", query="?sort=-churn", name="account-list-by-churn"),
    page("crm:account-list", query="?q=nothing-like-that", name="account-list-filtered-empty"),
    page("crm:account-create"),
    page("crm:account-detail", public_id=of("account")),
    page("crm:account-detail", public_id=of("debtor"), name="account-of-bank"),
    page("crm:account-detail", public_id=of("lead"), name="account-without-anything"),
    *(
        page("crm:account-detail", public_id=of("account"), query=f"?tab={tab}", name=f"account-{tab}")
        for tab in ("orders", "invoices", "people", "tickets", "campaigns", "scores", "audit")
    ),
    page("crm:account-edit", public_id=of("account")),
    Page(
        "crm:account-field",
        lambda world: reverse("crm:account-field", args=[world.account.public_id, "name"]),
    ),
    page("crm:account-delete", public_id=of("account")),
    page("crm:account-erase", public_id=of("account")),
    page("crm:account-merge", public_id=of("account")),
    page("crm:account-merge", public_id=of("account"), query="?q=quince", name="account-merge-found"),
    page("crm:duplicate-list"),
    page("crm:duplicate-detail", public_id=of("duplicates")),
    page("crm:merge-list"),
    page("crm:activity-create", public_id=of("account")),
    page("crm:contact-create", public_id=of("account")),
    page("crm:contact-edit", public_id=of("contact")),
    page("crm:contact-erase", public_id=of("contact")),
    page("crm:ticket-create", public_id=of("account")),
    page("crm:audit-log"),
    page("crm:bin-list"),
    page("crm:bin-erase", public_id=of("binned")),
    page("crm:change-list"),
    page("crm:change-list", role="support", name="change-list-empty"),
    page("crm:change-detail", public_id=bulk_edit),
    page("crm:order-detail", public_id=of("order")),
    page("crm:account-similar", public_id=of("account")),
    page("crm:account-similar", public_id=of("lead"), name="account-similar-to-nobody"),
    page("crm:product-list"),
    page("crm:product-list", query="?q=nothing-like-that", name="product-list-filtered-empty"),
    page("crm:product-detail", public_id=of("product")),
    page("crm:product-detail", public_id=of("unsold"), name="product-without-anything"),
    page("crm:task-list"),
    page("crm:task-list", role="sales", name="task-list-of-sales"),
    page("crm:ticket-list"),
    page("crm:ticket-detail", public_id=of("ticket")),
    page("crm:data-feed-list", name="data-feed-list-empty"),
    page("crm:data-feed-create"),
    page("crm:data-feed-detail", public_id=data_feed),
    page("crm:data-feed-edit", public_id=data_feed),
    page("crm:data-feed-list"),
    page("crm:data-quality"),
    page("crm:data-quality", role="analyst", query="?book=wholesale", name="data-quality-of-analyst"),
    page("crm:standing-rule", table="contacts", code="email_untidy"),
    page("crm:standing-rule", table="order_lines", code="price_zero", name="standing-rule-empty"),
    page("crm:standing-rule-clean", table="contacts", code="email_untidy"),
    page("crm:attribute-list"),
    page("crm:attribute-create"),
    page("crm:attribute-edit", public_id=attribute),
    page("crm:book-list"),
    page("crm:book-edit", code=lambda world: world.book.code),
    page("crm:book-edit", code=company_book, name="book-of-company"),
    page("crm:quality-rule", public_id=of("source_import"), code="no_customer"),
    page(
        "crm:quality-rule", public_id=of("source_import"), code="exact_duplicate", name="quality-rule-empty"
    ),
    page("crm:import-list", name="import-list-empty", query="?kind=payments"),
    page("crm:import-create"),
    *(page("crm:import-detail", public_id=file_import(state), name=f"import-{state}") for state in STAGES),
    page(
        "crm:import-detail",
        public_id=file_import("preview"),
        query="?step=columns",
        name="import-columns-again",
    ),
    page("crm:import-quarantine", public_id=file_import("report")),
    page(
        "crm:import-quarantine",
        public_id=file_import("report"),
        query="?state=sent",
        name="quarantine-empty",
    ),
    page("crm:import-list"),
    page("crm:job-list"),
    page("crm:job-list", role="marketing", name="job-list-empty"),
    *(
        page(
            "crm:job-detail",
            public_id=lambda world, state=state: world.jobs[state].public_id,
            name=f"job-{state}",
        )
        for state in ("queued", "running", "done", "failed", "cancelled")
    ),
    page("crm:notification-list"),
    page("crm:notification-list", role="marketing", name="notification-list-empty"),
    page("crm:partner-list"),
    page("crm:partner-create"),
    page("crm:partner-detail", public_id=of("partner")),
    page("crm:partner-edit", public_id=of("partner")),
    page("crm:partner-link-create", public_id=of("partner")),
    page("crm:partner-key-create", public_id=of("partner")),
    page("crm:partner-key-revoke", public_id=of("partner"), key_id=of("key")),
    page("crm:preferences", role="sales"),
    page("crm:settings"),
    page("crm:rate-list"),
    page("crm:rate-create"),
    page("crm:rate-upload"),
    page("crm:person-list"),
    page("crm:person-create"),
    page("crm:person-detail", public_id=staff("careful")),
    page("crm:person-detail", public_id=staff("administrator"), name="person-oneself"),
    page("crm:person-second-factor", public_id=staff("careful")),
    page("crm:person-second-factor", public_id=staff("sales"), name="person-without-second-factor"),
    page("crm:team-edit", public_id=of("team")),
    page("crm:site-list", name="site-list-empty"),
    page("crm:site-create"),
    page("crm:site-detail", public_id=tracked_site),
    page("crm:site-edit", public_id=tracked_site),
    page("crm:site-list"),
    page("campaigns:campaign-list"),
    page("campaigns:campaign-detail", public_id=of("campaign")),
    page("campaigns:campaign-accounts", public_id=of("campaign"), step="enrolled"),
    page("analytics:evaluation-list", name="evaluation-list-empty"),
    page("analytics:evaluation-create"),
    *(
        page(
            "analytics:evaluation-detail",
            public_id=evaluation_stage(stage),
            name=f"analytics:evaluation-{stage}",
        )
        for stage in EVALUATION_STAGES
    ),
    page("analytics:evaluation-list"),
    page("analytics:model-list"),
    page("analytics:model-detail", public_id=of("model")),
    page("analytics:model-detail", public_id=of("rejected"), name="model-rejected"),
    page("analytics:model-drivers", public_id=of("model"), query="?by=stage"),
    page("analytics:model-drivers", public_id=of("rejected"), name="model-drivers-empty"),
    page("account_login", role=""),
    page("account_logout"),
    page("account_inactive", role=""),
    page("account_signup", role=""),
    page("account_reauthenticate"),
    page("account_email"),
    page("account_change_password"),
    page("account_reset_password", role=""),
    page("account_reset_password_done", role=""),
    page("account_reset_password_from_key", uidb36="1", key="1-1", role="", name="password-link-spent"),
    page("account_reset_password_from_key_done", role=""),
    page("mfa_index"),
    page("mfa_activate_totp"),
    page("mfa_generate_recovery_codes", role="careful"),
    page("mfa_view_recovery_codes", role="careful"),
    page("mfa_deactivate_totp", role="careful"),
    page("mfa_reauthenticate", role="careful"),
]
NO_PAGES = {
    "healthz": "for machines",
    "readyz": "for machines",
    "crm:account-assign": "takes a form",
    "crm:account-export": "takes a form",
    "crm:account-export-file": "a file",
    "crm:activity-pin": "takes a form",
    "crm:bin-restore": "takes a form",
    "crm:data-feed-fetch": "takes a form",
    "crm:data-feed-switch": "takes a form",
    "crm:duplicate-merge": "takes a form",
    "crm:duplicate-apart": "takes a form",
    "crm:merge-undo": "takes a form",
    "crm:task-create": "takes a form",
    "crm:task-done": "takes a form",
    "crm:ticket-move": "takes a form",
    "crm:ticket-assign": "takes a form",
    "crm:saved-view-create": "takes a form",
    "crm:saved-view-change": "takes a form",
    "crm:jobs-indicator": "a part of every page",
    "crm:change-undo": "takes a form",
    "crm:score-feedback": "takes a form",
    "crm:offer-answer": "takes a form",
    "crm:import-map": "takes a form",
    "crm:import-read": "takes a form",
    "crm:import-commit": "takes a form",
    "crm:import-cancel": "takes a form",
    "crm:import-retry": "takes a form",
    "crm:import-undo": "takes a form",
    "crm:import-refused": "a file",
    "crm:import-quarantine-all": "takes a form",
    "crm:import-quarantine-row": "takes a form",
    "crm:job-watch": "takes a form",
    "crm:job-cancel": "takes a form",
    "crm:notification-open": "takes a form",
    "crm:notifications-read": "takes a form",
    "crm:job-retry": "takes a form",
    "crm:quality-check": "takes a form",
    "crm:attribute-delete": "takes a form",
    "crm:standing-rule-change": "takes a form",
    "crm:partner-link-end": "takes a form",
    "crm:person-link": "takes a form",
    "crm:team-delete": "takes a form",
    "crm:rate-delete": "takes a form",
    "crm:theme-set": "takes a form",
    "crm:collector-script": "a script",
    "crm:collector-receive": "for machines",
    "crm:tracked-link": "leads elsewhere",
    "analytics:evaluation-run": "takes a form",
    "analytics:evaluation-file": "a file",
    "analytics:model-promote": "takes a form",
    "analytics:model-roll-back": "takes a form",
    "analytics:model-shadow": "takes a form",
    "analytics:model-recalibrate": "takes a form",
    "analytics:model-policy": "takes a form",
    "account_email_verification_sent": "nothing is verified: nobody signs up",
    "account_set_password": "redirects those who have one, and everybody has",
    "account_confirm_login_code": "codes by mail are off",
    "account_confirm_email": "nothing is verified: nobody signs up",
    "mfa_authenticate": "the second step of signing in: tests/browser/test_sign_in.py",
    "mfa_download_recovery_codes": "a file",
    "set_language": "takes a form",
}


def routes() -> Iterator[str]:
    """Yield the name of every route; those of the API have their own description."""
    for name in _names(get_resolver().url_patterns, ""):
        if not name.startswith("api-v1:"):
            yield name


def _names(patterns: list[URLPattern | URLResolver], namespace: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from _names(pattern.url_patterns, namespace + inner)
        elif pattern.name:
            yield namespace + pattern.name
