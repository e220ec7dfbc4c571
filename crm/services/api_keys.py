"""Keys of partners: made once, shown once, kept only as a digest."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models.functions import Now

from crm.models import ApiKey, Partner, User

MARK = "sx"
PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread
PREFIX_LENGTH = 10
# Asked with every request to the API, so by hand: composing it takes as long as answering it.
FIND = """
    SELECT key.id, key.public_id, key.prefix, key.digest, key.scopes, key.revoked_at, key.partner_id,
           key.last_used_at > now() - interval '1 minute',
           partner.public_id, partner.name, partner.book_id, partner.is_active
    FROM crm_apikey AS key JOIN crm_partner AS partner ON partner.id = key.partner_id
    WHERE key.prefix = %s
"""


class UnknownScopeError(ValueError):
    """A scope that no endpoint asks for."""


class KeyUnknownError(Exception):
    """No key reads like this. `code` says why a key that we know doesn't count."""

    def __init__(self, code: str = "key_unknown") -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class NewKey:
    key: ApiKey
    token: str  # the only time that anybody sees it


@transaction.atomic
def create_api_key(
    *, partner: Partner, label: str, scopes: Collection[str], created_by: User | None = None
) -> NewKey:
    """Make a key and return it with its token, which can't be had again.

    :raises UnknownScopeError: if a scope is none of `ApiKey.SCOPES`.
    """
    if unknown := set(scopes) - set(ApiKey.SCOPES):
        raise UnknownScopeError(", ".join(sorted(unknown)))
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _ in range(PREFIX_LENGTH))
    token = f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        partner=partner,
        label=label,
        prefix=prefix,
        digest=_digest(token),
        scopes=[scope for scope in ApiKey.SCOPES if scope in scopes],
        created_by=created_by,
    )
    return NewKey(key, token)


def revoke_api_key(*, key: ApiKey) -> None:
    """End the key at once. Revoking it again keeps the first date."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now())


def verify_token(*, token: str) -> ApiKey:
    """Return the key with its partner, and note at most once a minute that it was used.

    :raises KeyUnknownError: if there is no such key, or it, or its partner, no longer counts.
    """
    mark, _, rest = token.partition("_")
    prefix = rest.partition("_")[0]
    if mark != MARK or len(prefix) != PREFIX_LENGTH or not token.isascii():
        raise KeyUnknownError
    key, use_is_noted = _find(prefix)
    if key is None or not hmac.compare_digest(bytes(key.digest), _digest(token)):
        raise KeyUnknownError
    if key.revoked_at is not None:
        raise KeyUnknownError("key_revoked")
    if not key.partner.is_active:
        raise KeyUnknownError("partner_inactive")
    if not use_is_noted:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=Now())
    return key


def _find(prefix: str) -> tuple[ApiKey | None, bool]:
    """Return the key with its partner, and whether its use was noted within the last minute."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [prefix])
        found = cursor.fetchone()
    if found is None:
        return None, False
    pk, public_id, prefix, digest, scopes, revoked_at, partner_id, is_noted, *of_partner = found
    names = ["id", "public_id", "name", "book_id", "is_active"]  # as the model orders them
    key = ApiKey(
        id=pk, public_id=public_id, prefix=prefix, digest=digest, scopes=json.loads(scopes),
        revoked_at=revoked_at, partner=Partner.from_db("default", names, [partner_id, *of_partner]),
    )  # fmt: skip
    return key, bool(is_noted)


def _digest(token: str) -> bytes:
    """Return the SHA-256: a token of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
