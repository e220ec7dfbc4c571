from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from crm.models import ApiKey, ApiPrincipal
from crm.services.api_keys import KeyUnknownError, verify_token

REFUSALS = {
    "key_unknown": _("This key is unknown."),
    "key_revoked": _("This key has been revoked."),
    "partner_inactive": _("The partner of this key is not active."),
}


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sx_…`; the caller is an `ApiPrincipal`, never a member of staff."""

    def authenticate(self, request: Request) -> tuple[ApiPrincipal, ApiKey] | None:
        scheme, _space, token = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        if scheme.lower() != b"bearer":
            raise AuthenticationFailed(_("Keys are sent as “Bearer”."), "scheme_unknown")
        try:
            key = verify_token(token=token.strip().decode("latin-1"))
        except KeyUnknownError as error:
            raise AuthenticationFailed(REFUSALS[error.code], error.code) from error
        return ApiPrincipal(key=key, partner=key.partner), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="sextant"'
