"""Tokens that tell a tracked site which account its visitor belongs to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.accounts import address_of_survivor, own_accounts
from crm.api.base import ApiView
from crm.api.inputs import Input
from crm.api.schema import MERGED, one, problems
from crm.services.visitors import IDENTIFY, LASTS, LINK, make_token


class VisitorTokenInput(Input):
    use = serializers.ChoiceField(
        [IDENTIFY, LINK],
        required=False,
        default=IDENTIFY,
        help_text="`identify` for the page of a signed-in visitor, `link` for one in a message.",
    )


class VisitorTokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_in_seconds = serializers.IntegerField()


class VisitorTokenView(ApiView):
    """Whoever comes with the token counts as the account's. Needs the scope `events:write`."""

    scope = "events:write"

    @extend_schema(
        summary="Make a token that names one of your accounts to a tracked site",
        request=VisitorTokenInput,
        responses={201: one(VisitorTokenSerializer), **MERGED, **problems(400, 404, 413, 415)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        sent = VisitorTokenInput(data=request.data)
        sent.is_valid(raise_exception=True)
        account = own_accounts(self.principal).filter(public_id=public_id).first()
        if account is None:
            route = "api-v1:visitor-token-create"
            return address_of_survivor(request, self.principal, public_id=public_id, route=route)
        use = sent.validated_data["use"]
        made = {
            "token": make_token(who=account, purpose=use),
            "expires_in_seconds": LASTS[use].total_seconds(),
        }
        return Response({"data": VisitorTokenSerializer(made).data}, status=201)
