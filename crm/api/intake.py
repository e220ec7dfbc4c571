"""What partners send: leads and events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api import rows
from crm.api.accounts import as_told, own_accounts
from crm.api.base import ApiView
from crm.api.errors import Conflict, Unprocessable
from crm.api.inputs import EventBatchInput, LeadInput
from crm.api.schema import IDEMPOTENCY_KEY, one, problems
from crm.api.serializers import AccountSerializer
from crm.models import Account
from crm.services.events import EventsRefusedError, Refusal, store_events
from crm.services.leads import (
    ExternalIdTakenError,
    IdempotencyKeyReusedError,
    Lead,
    LeadGoneError,
    Once,
    create_lead,
)

LONGEST_KEY = 255


class ReceivedSerializer(serializers.Serializer[Any]):
    stored = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Events whose key had come before.")


class LeadView(ApiView):
    """Makes an account of stage "lead" that is linked to you. Needs the scope `leads:write`."""

    scope = "leads:write"

    @extend_schema(
        summary="Create a lead",
        request=LeadInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: one(AccountSerializer), **problems(400, 409, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        sent = LeadInput(data=request.data)
        sent.is_valid(raise_exception=True)
        lead = self._create(sent, once=_once(request))
        account = as_told(own_accounts(self.principal).filter(pk=lead.account_id), self.principal.partner)
        if account is None:
            raise Conflict(_("The lead that this key made is no longer yours."), "lead_gone")
        address = reverse("api-v1:account-detail", args=[account.public_id])
        headers = {"Location": request.build_absolute_uri(address)}
        if not lead.is_new:
            headers["Idempotent-Replayed"] = "true"
        return Response({"data": rows.account(account)}, status=201, headers=headers)

    def _create(self, sent: LeadInput, *, once: Once | None) -> Lead:
        try:
            return create_lead(partner=self.principal.partner, lead=sent.lead(), once=once)
        except IdempotencyKeyReusedError as error:
            detail = _("This Idempotency-Key came before, with another request.")
            raise Unprocessable(detail, "idempotency_key_reused") from error
        except LeadGoneError as error:
            raise Conflict(_("The lead that this key made has been deleted."), "lead_gone") from error
        except ExternalIdTakenError as error:
            known = Account.objects.visible_to(self.principal).filter(pk=error.account_id)
            public_id = known.values_list("public_id", flat=True).first() or "–"
            detail = _("You sent this external_id before: account %(id)s.") % {"id": public_id}
            raise Conflict(detail, "external_id_taken") from error


class EventBatchView(ApiView):
    """Stores behaviour that you saw. Needs the scope `events:write`."""

    scope = "events:write"

    @extend_schema(
        summary="Report up to 1,000 events: all of them, or none when one is wrong",
        request=EventBatchInput,
        responses={201: one(ReceivedSerializer), **problems(400, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        sent = EventBatchInput(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            result = store_events(sender=self.principal, events=sent.new_events())
        except EventsRefusedError as error:
            raise _refused(error.refusals) from error
        return Response({"data": ReceivedSerializer(result).data}, status=201)


def _once(request: Request) -> Once | None:
    if (key := request.headers.get("Idempotency-Key")) is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        message = _("1 to %(most)s printable characters.") % {"most": LONGEST_KEY}
        raise ValidationError({"Idempotency-Key": [message]}, "idempotency_key_invalid")
    said = json.dumps([request.path, request.data], sort_keys=True)
    return Once(key, hashlib.sha256(said.encode()).digest())


def _refused(refusals: Sequence[Refusal]) -> ValidationError:
    words = {
        "account_unknown": _("None of your accounts has this id."),
        "product_unknown": _("Nothing with this code is sold in the book of this account."),
    }
    errors: dict[int, Any] = {}
    for refusal in refusals:
        detail = ErrorDetail(words[refusal.code], refusal.code)
        errors.setdefault(refusal.position, {})[refusal.field] = [detail]
    said: dict[str, Any] = {"events": errors}
    return ValidationError(said)
