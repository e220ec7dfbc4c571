"""The audit log of everything."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.models import AttributeDefinition, User
from crm.models.access import VIEW_AUDIT
from crm.selectors.audit import PER_PAGE, list_audit, tracked_models
from crm.selectors.keyset import Column, Order, make_cursor, read_cursor
from crm.selectors.words import record_words
from crm.views.access import HtmxRequest, require_capability, valid_ids
from crm.views.fragments import render_part

ORDER = Order("audit", tuple(Column(name, descending=True) for name in ("at", "table", "pk")))


@require_safe
@require_capability(VIEW_AUDIT)
def audit_log(request: HtmxRequest) -> HttpResponse:
    table = request.GET.get("kind", "")
    actor = next(iter(valid_ids([request.GET.get("actor", "")])), None)
    people = {person.pk: person for person in User.objects.order_by("username")}
    actor_id = next((pk for pk, person in people.items() if person.public_id == actor), None)
    attributes = {definition.key: definition for definition in AttributeDefinition.objects.order_by("key")}
    edge = read_cursor(request.GET.get("after", ""), ORDER)
    entries = list_audit(table=table if table in tracked_models() else "", actor_id=actor_id, older_than=edge)
    context: dict[str, object] = {
        "entries": entries[:PER_PAGE],
        "older": make_cursor(entries[PER_PAGE - 1], ORDER) if len(entries) > PER_PAGE else None,
        "people": people,
        "attributes": attributes,
        "kinds": [
            (name, record_words(str(model._meta.model_name)))
            for name, (_event, model) in tracked_models().items()
        ],
    }
    return render_part(request, "crm/audit_log.html", "table", context)
