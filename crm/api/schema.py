"""How views describe themselves in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from crm.api.errors import MEDIA_TYPE
from crm.api.serializers import ProblemSerializer

LANGUAGE = OpenApiParameter(
    "Accept-Language",
    str,
    OpenApiParameter.HEADER,
    description="The language of words: `en` or `zh-hans`.",
    examples=[OpenApiExample("English", "en"), OpenApiExample("Simplified Chinese", "zh-hans")],
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of the answer that you have."
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 printable characters. Sent again within two days, it makes nothing new.",
)
MERGED = {
    308: OpenApiResponse(description="The account was merged into another of yours: `Location` names it.")
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # registers itself
    target_class = "crm.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            **build_bearer_security_scheme_object("Authorization", "Bearer"),
            "description": "A partner's key: `Authorization: Bearer sx_…`.",
        }


def problems(*statuses: int) -> dict[tuple[int, str], Any]:
    """Return the errors that every view may answer with, and these."""
    return {(status, MEDIA_TYPE): ProblemSerializer for status in (401, 403, 406, 429, *statuses)}


def one(of: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Return the envelope of a single thing."""
    return inline_serializer(f"One{of.__name__}", {"data": of()})


def close_inputs(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say that fields which the description doesn't name are refused."""
    for name, component in result["components"]["schemas"].items():
        if name.endswith("Input"):
            component["additionalProperties"] = False
    return result
