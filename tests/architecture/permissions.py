"""Who may open which route, and for whose records. One row a route; a route without a row fails.

The rows say what is meant. They do not ask the code what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from analytics.models import ModelVersion
from campaigns.models import Campaign
from crm.models import ApiKey, ChangeSet, ExchangeRate, Import, QuarantinedRow, RuleCount, User
from crm.pipelines.export_accounts import export_folder
from crm.services import bin as bin_service
from crm.services.bulk_edits import assign_accounts
from crm.services.change_sets import open_change_set
from crm.services.merges import merge, propose
from crm.services.quality_rules import sync_rules
from tests import factories as f
from tests.evaluation_stages import made_with_files, make_evaluation

ROLES = ("sales", "support", "marketing", "analyst", "partner_manager", "administrator")
NOBODY = "nobody"
STAFF = frozenset(ROLES)
ADMINISTRATOR = frozenset({"administrator"})
EDITORS = frozenset({"sales", "support", "partner_manager", "administrator"})
EXPORTERS = frozenset({"sales", "marketing", "analyst", "administrator"})
TICKET_WORKERS = frozenset({"sales", "support", "administrator"})
ANALYSTS = frozenset({"analyst", "administrator"})
MODEL_READERS = ANALYSTS | {"marketing"}
MERGERS = frozenset({"sales", "support", "analyst", "partner_manager", "administrator"})
PARTNER_READERS = frozenset({"analyst", "partner_manager", "administrator"})
PARTNER_MANAGERS = frozenset({"partner_manager", "administrator"})

# Whose records each role reaches, by what the record hangs on.
OWN = frozenset({"own"})
EVERY = frozenset({"own", "team", "other"})
REACH: dict[str, dict[str, frozenset[str]]] = {
    "account": dict.fromkeys(ROLES, EVERY) | {"sales": frozenset({"own", "team"})},
    "job": dict.fromkeys(ROLES, OWN) | {"analyst": EVERY, "administrator": EVERY},
    "bin": dict.fromkeys(ROLES, OWN) | {"administrator": EVERY},
    "undo": dict.fromkeys(ROLES, OWN) | {"administrator": EVERY},
    "view": dict.fromkeys(ROLES, OWN),
    "any": dict.fromkeys(ROLES, EVERY),
}


class Cast:
    """Somebody of a role, a colleague of the same team, and a stranger; and what belongs to each."""

    def __init__(self, role: str) -> None:
        team = f.TeamFactory()
        self.role = role
        self.user = f.UserFactory(role=role if role != NOBODY else "sales", team=team)
        mate = f.UserFactory(role="sales", team=team)
        stranger = f.UserFactory(role="sales", team=f.TeamFactory())
        self.people: dict[str, User] = {"own": self.user, "team": mate, "other": stranger}
        self.client = Client(raise_request_exception=True)
        if role != NOBODY:
            self.client.force_login(self.user)

    def account(self, whose: str) -> Any:
        owner = self.people[whose]
        return f.AccountFactory(owner=owner, team=owner.team)


Target = Callable[[Cast, str], dict[str, Any]]


def _id(row: Any) -> dict[str, Any]:
    return {"public_id": row.public_id}


def account(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(cast.account(whose))


def account_field(cast: Cast, whose: str) -> dict[str, Any]:
    return {**account(cast, whose), "name": "name"}


def contact(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.ContactFactory(account=cast.account(whose)))


def activity(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.ActivityFactory(account=cast.account(whose)))


def duplicate_pair(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(propose(one=cast.account(whose), two=cast.account(whose)))


def merged_account(cast: Cast, whose: str) -> dict[str, Any]:
    other = cast.account(whose)
    merge(survivor=cast.account(whose), other=other, choices={}, by=cast.people[whose])
    return _id(other)


def order(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.OrderFactory(account=cast.account(whose)))


def product(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.ProductFactory())


def task(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.TaskFactory(account=cast.account(whose), assignee=cast.people[whose]))


def ticket(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.TicketFactory(account=cast.account(whose)))


def running_job(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.JobFactory(owner=cast.people[whose]))


def failed_job(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.JobFactory(owner=cast.people[whose], state="failed", finished_at=timezone.now()))


def bulk_edit(cast: Cast, whose: str) -> dict[str, Any]:
    by = cast.people[whose]
    change_set, _changed = assign_accounts(account_ids=[cast.account(whose).pk], owner=f.UserFactory(), by=by)
    assert change_set is not None
    return _id(change_set)


def notification(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.NotificationFactory(user=cast.people[whose]))


def deleted(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(bin_service.move_to_bin(account=cast.account(whose), by=cast.people[whose]))


def saved_view(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.SavedViewFactory(owner=cast.people[whose], is_shared=True))


def person(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(cast.people[whose])


def team(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.TeamFactory())


def partner(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.PartnerFactory())


def partner_link(_cast: Cast, _whose: str) -> dict[str, Any]:
    link: Any = f.PartnerAccountFactory()
    return {"public_id": link.partner.public_id, "link_id": link.public_id}


def partner_key(_cast: Cast, _whose: str) -> dict[str, Any]:
    owner = f.PartnerFactory()
    digest = bytes([owner.pk % 256] * 32)
    key = ApiKey.objects.create(partner=owner, label="k", prefix=f"p{owner.pk}", digest=digest)
    return {"public_id": owner.public_id, "key_id": key.public_id}


def campaign(_cast: Cast, _whose: str) -> dict[str, Any]:
    made = Campaign.objects.create(
        book=f.BookFactory(), name="Spring", code=f"spring-{Campaign.objects.count()}", channel="email",
        starts_at=f.NOW, ends_at=f.NOW, salt="s", cost_amount=0, currency="GBP",
    )  # fmt: skip
    return _id(made)


def campaign_step(cast: Cast, whose: str) -> dict[str, Any]:
    return {**campaign(cast, whose), "step": "enrolled"}


def model_version(_cast: Cast, _whose: str) -> dict[str, Any]:
    made = ModelVersion.objects.create(
        book=f.BookFactory(), kind="churn", version=f"wholesale-churn-{ModelVersion.objects.count() + 1}",
        state="evaluated", horizon_days=90, as_of=f.NOW, artifact=b"", sha256="",
    )  # fmt: skip
    return _id(made)


def evaluation(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(make_evaluation("done", cast.people[whose]))


def evaluation_file(cast: Cast, whose: str) -> dict[str, Any]:
    return {**_id(made_with_files(cast.people[whose])), "what": "json"}


def caught_rows(_cast: Cast, _whose: str) -> dict[str, Any]:
    number = str(Import.objects.count())
    source = Import.objects.create(book=f.BookFactory(), layout=number, file_name="f", sha256="0" * 64)
    RuleCount.objects.create(source_import=source, rule="no_price", verdict="rejected", position=0, rows=1)
    return {**_id(source), "code": "no_price"}


def standing_rule(_cast: Cast, _whose: str) -> dict[str, Any]:
    sync_rules()
    return {"table": "contacts", "code": "email_untidy"}


def attribute(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.AttributeDefinitionFactory())


def book(_cast: Cast, _whose: str) -> dict[str, Any]:
    return {"code": f.BookFactory().code}


def data_feed(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.DataFeedFactory())


def imported_file(cast: Cast, whose: str) -> dict[str, Any]:
    return _id(f.ImportFactory(owner=cast.people[whose]))


def undoable_file(cast: Cast, whose: str) -> dict[str, Any]:
    source = f.ImportFactory(owner=cast.people[whose], state="done")
    open_change_set(kind=ChangeSet.Kind.IMPORT, owner=cast.people[whose], source_import=source)
    return _id(source)


def refused_row(cast: Cast, whose: str) -> dict[str, Any]:
    source = f.ImportFactory(owner=cast.people[whose])
    QuarantinedRow.objects.create(source_import=source, row_number=1, cells={}, errors=[])
    return {**_id(source), "row_number": 1}


def exchange_rate(_cast: Cast, _whose: str) -> dict[str, Any]:
    rate, _made = ExchangeRate.objects.get_or_create(
        base="SEK", quote="GBP", valid_from="2026-01-01", defaults={"rate": "0.08"}
    )
    return {"base": rate.base, "quote": rate.quote, "day": "2026-01-01"}


def tracked_site(_cast: Cast, _whose: str) -> dict[str, Any]:
    return _id(f.TrackedSiteFactory())


def exported(cast: Cast, whose: str) -> dict[str, Any]:
    job = f.JobFactory(
        owner=cast.people[whose], task="crm.export_accounts", state="done", finished_at=timezone.now()
    )
    (export_folder() / f"accounts-{job.pk}-{job.attempt}.csv").write_text("name\n")
    return _id(job)


@dataclass(frozen=True)
class Row:
    route: str
    who: frozenset[str]  # roles that the route answers
    target: Target | None = None  # makes the record that the address names
    reach: str = "any"  # whose records: a key of REACH
    method: str = "get"
    form: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.route


def _post(
    route: str, who: frozenset[str], target: Target | None = None, reach: str = "any", **form: Any
) -> Row:
    return Row(route, who, target, reach, "post", form)


ROWS = [
    Row("crm:home", STAFF),
    Row("crm:account-list", STAFF),
    _post("crm:account-assign", EDITORS),
    _post("crm:account-export", EXPORTERS),
    Row("crm:account-export-file", EXPORTERS, exported, "job"),
    Row("crm:account-create", EDITORS),
    Row("crm:account-detail", STAFF, account, "account"),
    Row("crm:account-edit", EDITORS, account, "account"),
    Row("crm:account-field", EDITORS, account_field, "account"),
    _post("crm:account-delete", EDITORS, account, "account"),
    Row("crm:account-erase", ADMINISTRATOR, account, "account"),
    _post("crm:activity-create", EDITORS, account, "account", kind="note", text="Hello"),
    _post("crm:score-feedback", STAFF, account, "account", answer="useful"),
    _post("crm:offer-answer", STAFF, account, "account", answer="offered"),
    Row("crm:contact-create", EDITORS, account, "account"),
    Row("crm:ticket-create", TICKET_WORKERS, account, "account"),
    _post("crm:activity-pin", EDITORS, activity, "account", pinned="1"),
    Row("crm:audit-log", ADMINISTRATOR),
    Row("crm:bin-list", EDITORS),
    _post("crm:bin-restore", EDITORS, deleted, "bin"),
    Row("crm:bin-erase", ADMINISTRATOR, deleted, "bin"),
    Row("crm:change-list", EDITORS),
    Row("crm:change-detail", EDITORS, bulk_edit, "bin"),
    _post("crm:change-undo", EDITORS, bulk_edit, "bin"),
    Row("crm:contact-edit", EDITORS, contact, "account"),
    Row("crm:contact-erase", ADMINISTRATOR, contact, "account"),
    Row("crm:account-merge", MERGERS, account, "account"),
    Row("crm:duplicate-list", MERGERS),
    Row("crm:duplicate-detail", MERGERS, duplicate_pair, "account"),
    _post("crm:duplicate-merge", MERGERS, duplicate_pair, "account"),
    _post("crm:duplicate-apart", MERGERS, duplicate_pair, "account"),
    Row("crm:merge-list", MERGERS),
    _post("crm:merge-undo", MERGERS, merged_account, "account"),
    Row("crm:order-detail", STAFF, order, "account"),
    Row("crm:account-similar", STAFF, account, "account"),
    Row("crm:product-list", STAFF),
    Row("crm:product-detail", STAFF, product),
    Row("crm:task-list", STAFF),
    _post("crm:task-create", STAFF, title="Call"),
    _post("crm:task-done", STAFF, task, "account", done="1"),
    Row("crm:ticket-list", STAFF),
    Row("crm:ticket-detail", STAFF, ticket, "account"),
    _post("crm:ticket-move", TICKET_WORKERS, ticket, "account", state="solved"),
    _post("crm:ticket-assign", TICKET_WORKERS, ticket, "account", priority="2"),
    _post("crm:saved-view-create", STAFF, page="account-list", name="Mine", query="country=GB"),
    _post("crm:saved-view-change", STAFF, saved_view, "view", action="default"),
    Row("crm:data-feed-list", ADMINISTRATOR),
    Row("crm:data-feed-create", ADMINISTRATOR),
    Row("crm:data-feed-detail", ADMINISTRATOR, data_feed),
    Row("crm:data-feed-edit", ADMINISTRATOR, data_feed),
    _post("crm:data-feed-fetch", ADMINISTRATOR, data_feed),
    _post("crm:data-feed-switch", ADMINISTRATOR, data_feed, to="off"),
    Row("crm:data-quality", ANALYSTS),
    Row("crm:quality-rule", ANALYSTS, caught_rows),
    _post("crm:quality-check", ANALYSTS),
    Row("crm:attribute-list", ADMINISTRATOR),
    Row("crm:attribute-create", ADMINISTRATOR),
    Row("crm:attribute-edit", ADMINISTRATOR, attribute),
    _post("crm:attribute-delete", ADMINISTRATOR, attribute),
    Row("crm:book-list", ADMINISTRATOR),
    Row("crm:book-edit", ADMINISTRATOR, book),
    Row("crm:standing-rule", ANALYSTS, standing_rule),
    _post("crm:standing-rule-change", ADMINISTRATOR, standing_rule, action="off"),
    Row("crm:standing-rule-clean", ADMINISTRATOR, standing_rule),
    Row("crm:import-list", ANALYSTS),
    Row("crm:import-create", ANALYSTS),
    Row("crm:import-detail", ANALYSTS, imported_file),
    _post("crm:import-map", ANALYSTS, imported_file),
    _post("crm:import-read", ANALYSTS, imported_file),
    _post("crm:import-commit", ANALYSTS, imported_file),
    _post("crm:import-cancel", ANALYSTS, imported_file),
    _post("crm:import-retry", ANALYSTS, imported_file),
    _post("crm:import-undo", ANALYSTS, undoable_file, "undo"),
    Row("crm:import-refused", ANALYSTS, imported_file),
    Row("crm:import-quarantine", ANALYSTS, imported_file),
    _post("crm:import-quarantine-all", ANALYSTS, imported_file, action="let_go"),
    _post("crm:import-quarantine-row", ANALYSTS, refused_row, action="let_go"),
    Row("crm:job-list", STAFF),
    Row("crm:jobs-indicator", STAFF),
    Row("crm:job-detail", STAFF, running_job, "job"),
    _post("crm:job-watch", STAFF, running_job, "job", tell="1"),
    _post("crm:job-cancel", STAFF, running_job, "job"),
    _post("crm:job-retry", STAFF, failed_job, "job"),
    Row("crm:notification-list", STAFF),
    _post("crm:notification-open", STAFF, notification, "view"),
    _post("crm:notifications-read", STAFF),
    Row("crm:partner-list", PARTNER_READERS),
    Row("crm:partner-create", PARTNER_MANAGERS),
    Row("crm:partner-detail", PARTNER_READERS, partner),
    Row("crm:partner-edit", PARTNER_MANAGERS, partner),
    Row("crm:partner-link-create", PARTNER_MANAGERS, partner),
    _post("crm:partner-link-end", PARTNER_MANAGERS, partner_link),
    Row("crm:partner-key-create", PARTNER_MANAGERS, partner),
    _post("crm:partner-key-revoke", PARTNER_MANAGERS, partner_key),
    Row("crm:preferences", STAFF),
    Row("crm:settings", ADMINISTRATOR),
    Row("crm:rate-list", ADMINISTRATOR),
    Row("crm:rate-create", ADMINISTRATOR),
    Row("crm:rate-upload", ADMINISTRATOR),
    _post("crm:rate-delete", ADMINISTRATOR, exchange_rate),
    Row("crm:person-list", ADMINISTRATOR),
    Row("crm:person-create", ADMINISTRATOR),
    Row("crm:person-detail", ADMINISTRATOR, person),
    _post("crm:person-link", ADMINISTRATOR, person),
    Row("crm:person-second-factor", ADMINISTRATOR, person),
    Row("crm:team-edit", ADMINISTRATOR, team),
    _post("crm:team-delete", ADMINISTRATOR, team),
    Row("crm:site-list", ADMINISTRATOR),
    Row("crm:site-create", ADMINISTRATOR),
    Row("crm:site-detail", ADMINISTRATOR, tracked_site),
    Row("crm:site-edit", ADMINISTRATOR, tracked_site),
    Row("campaigns:campaign-list", STAFF),
    Row("campaigns:campaign-detail", STAFF, campaign),
    Row("campaigns:campaign-accounts", STAFF, campaign_step),
    Row("analytics:evaluation-list", ANALYSTS),
    Row("analytics:evaluation-create", ANALYSTS),
    Row("analytics:evaluation-detail", ANALYSTS, evaluation),
    Row(
        "analytics:evaluation-run",
        ANALYSTS,
        evaluation,
        method="post",
        form={"target": "Left", "positive": "1"},
    ),
    Row("analytics:evaluation-file", ANALYSTS, evaluation_file),
    Row("analytics:model-list", MODEL_READERS),
    Row("analytics:model-detail", MODEL_READERS, model_version),
    Row("analytics:model-drivers", MODEL_READERS, model_version),
    _post("analytics:model-promote", ANALYSTS, model_version),
    _post("analytics:model-roll-back", ANALYSTS, model_version),
    _post("analytics:model-shadow", ANALYSTS, model_version),
    _post("analytics:model-recalibrate", ANALYSTS, model_version),
    _post("analytics:model-policy", ANALYSTS, model_version),
]

# What those may open who are not signed in, and why.
PUBLIC = {
    "healthz": "asked by machines that have no account",
    "readyz": "asked by machines that have no account",
    "crm:theme-set": "the sign-in page has the switch",
    "crm:collector-script": "pages of tracked sites load it",
    "crm:collector-receive": "visitors of tracked sites have no account here",
    "crm:tracked-link": "customers follow it",
    "set_language": "the sign-in page has the switch",
    "account_login": "signing in",
    "account_inactive": "signing in",
    "account_signup": "says that nobody signs up",
    "account_confirm_login_code": "signing in",
    "account_confirm_email": "signing in",
    "account_email_verification_sent": "signing in",
    "account_reset_password": "getting in again",
    "account_reset_password_done": "getting in again",
    "account_reset_password_from_key": "getting in again",
    "account_reset_password_from_key_done": "getting in again",
    "mfa_authenticate": "the second step of signing in",
}

# One's own sign-in: allauth's pages, the same for every role, about nobody but oneself.
OWN_ACCESS = frozenset({
    "account_logout", "account_reauthenticate", "account_email", "account_change_password",
    "account_set_password", "mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
})  # fmt: skip


@dataclass(frozen=True)
class ApiRow:
    """A route of the partner API: the scope it wants, and the record that its address names."""

    route: str
    scope: str  # "" needs no key
    target: Callable[[Any], dict[str, Any]] | None = None  # of an account
    method: str = "get"
    body: Any = None

    def __str__(self) -> str:
        return self.route


def order_of(account: Any) -> dict[str, Any]:
    return _id(f.OrderFactory(account=account))


LEAD = {"name": "New", "contact": {"name": "Lin Hall", "email": "lin@example.com"}}
VISIT = {"kind": "visit", "at": "2026-01-05T10:00:00Z", "visitor": "v-1"}
API_ROWS = [
    ApiRow("api-v1:account-list", "accounts:read"),
    ApiRow("api-v1:account-detail", "accounts:read", _id),
    ApiRow("api-v1:order-list", "orders:read", _id),
    ApiRow("api-v1:order-detail", "orders:read", order_of),
    ApiRow("api-v1:product-list", "accounts:read"),
    ApiRow("api-v1:lead-create", "leads:write", method="post", body=LEAD),
    ApiRow("api-v1:event-batch", "events:write", method="post", body={"events": [VISIT]}),
    ApiRow("api-v1:visitor-token-create", "events:write", _id, method="post", body={}),
    ApiRow("api-v1:schema", ""),
    ApiRow("api-v1:schema-yaml", ""),
]
