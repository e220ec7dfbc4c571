from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm.models import ApiPrincipal

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it imports this module


class HasScope(BasePermission):
    """Let through the keys that carry the view's scope. A view that names none lets nobody in."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        principal = request.user
        if not isinstance(principal, ApiPrincipal):
            return False
        scope = getattr(view, "scope", None)
        if scope is None:
            return False
        if scope not in principal.key.scopes:
            detail = _("This key lacks the scope %(scope)s.") % {"scope": scope}
            raise PermissionDenied(detail, "scope_missing")
        return True
