"""Whose browser it is: visitors joined to accounts and contacts, and what they did before with them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from django.db import connection, transaction
from django.db.models.functions import Lower

from crm.models import Account, Book, Contact, Visitor

# A token for a browser is used at once; a link may lie in somebody's mail for months, and whoever
# follows it arrives at the site with a token of its own.
IDENTIFY, LINK, ARRIVE = "identify", "link", "arrive"
LASTS = {IDENTIFY: timedelta(days=1), LINK: timedelta(days=180), ARRIVE: timedelta(hours=1)}

# Later steps of the same browser may turn out to be another person's: what already belongs to an
# account stays there, and a contact is kept while the account is the same.
JOIN = """
UPDATE crm_visitor SET
    account_id = %(account)s,
    contact_id = coalesce(%(contact)s, CASE WHEN account_id = %(account)s THEN contact_id END),
    joined = %(how)s,
    joined_at = now()
WHERE id = %(visitor)s AND (account_id IS DISTINCT FROM %(account)s
    OR %(contact)s IS NOT NULL AND contact_id IS DISTINCT FROM %(contact)s)
RETURNING key, is_bot
"""
# The trigger of facts keeps the version without an account, so that features as of a moment before
# now don't change.
ASSIGN = """
WITH assigned AS (
    UPDATE crm_event SET account_id = %(account)s WHERE visitor = %(key)s AND account_id IS NULL
    RETURNING is_bot
), told AS (
    INSERT INTO crm_change (kind, account_id, data)
    SELECT 'event.received', %(account)s, jsonb_build_object('events', count(*), 'visitor', 'joined')
    FROM assigned WHERE NOT is_bot HAVING count(*) > 0
)
SELECT count(*) FROM assigned
"""


class TokenInvalidError(Exception):
    """The token isn't ours, has expired, or names nobody whom this book knows."""


@dataclass(frozen=True, slots=True)
class Person:
    account_id: int
    contact_id: int | None = None


def make_token(*, who: Account | Contact, purpose: str) -> str:
    """Return a signed token that names an account or a contact, for an address or a script."""
    mark = "c" if isinstance(who, Contact) else "a"
    name = urlsafe_b64encode(who.public_id.bytes).decode().rstrip("=")
    return _signer(purpose).sign(mark + name)


def read_token(*, token: str, purpose: str, book: Book) -> Person:
    """Return whom the token names, if that is somebody of the book.

    :raises TokenInvalidError: otherwise.
    """
    public_id, is_contact = _unsigned(token, purpose)
    if is_contact:
        contact = Contact.objects.filter(public_id=public_id, account__book=book).first()
        person = Person(contact.account_id, contact.pk) if contact else None
    else:
        account = Account.objects.filter(public_id=public_id, book=book).first()
        person = Person(account.pk) if account else None
    if person is None:
        raise TokenInvalidError
    return person


def arrival_token(*, link_token: str, book: Book) -> str:
    """Return the short-lived token that a tracked link hands to the script of the site.

    :raises TokenInvalidError: when the link's own token is none, or of another book.
    """
    read_token(token=link_token, purpose=LINK, book=book)
    return _signer(ARRIVE).sign(_signer(LINK).unsign(link_token))


def find_by_email(*, email: str, book: Book) -> Person | None:
    """Return the one contact of the book with this address; of two nobody knows which it is."""
    contacts = Contact.objects.annotate(address=Lower("email")).exclude(email="")
    found = list(
        contacts.filter(address=email.strip().lower(), account__book=book).values_list("account_id", "pk")[:2]
    )
    return Person(*found[0]) if len(found) == 1 else None


@transaction.atomic
def join_visitor(*, visitor_id: int, person: Person, how: Visitor.Joined) -> int:
    """Say whose visitor it is and give that account the earlier events; return how many these were.

    Joining again to the same one changes nothing. Events that have an account keep it.
    """
    given = {"visitor": visitor_id, "account": person.account_id, "contact": person.contact_id, "how": how}
    with connection.cursor() as cursor:
        cursor.execute(JOIN, given)
        changed = cursor.fetchone()
        if changed is None:
            return 0
        cursor.execute(ASSIGN, {"account": person.account_id, "key": changed[0]})
        return int(cursor.fetchone()[0])


def _signer(purpose: str) -> TimestampSigner:
    return TimestampSigner(sep=".", salt=f"crm.visitor.{purpose}")


def _unsigned(token: str, purpose: str) -> tuple[UUID, bool]:
    try:
        said = _signer(purpose).unsign(token, max_age=LASTS[purpose])
        return UUID(bytes=urlsafe_b64decode(said[1:] + "==")), said[0] == "c"
    except (BadSignature, ValueError) as error:
        raise TokenInvalidError from error
