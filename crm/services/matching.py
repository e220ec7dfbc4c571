"""Which accounts may be the same: their keys, kept, and how much two that share some look alike.

The score is `1 - Π (1 - p)` over the kinds of keys that two accounts share: each kind speaks for
itself, and alone it is right with probability p. The p of `WEIGHTS` are judgement, not learnt: they
say that a tax number belongs to one company, that a mailbox is rarely shared, that a switchboard,
a domain or a name often is, by the companies of a group. p is scaled down by 2 / n when n accounts
have the key, because among n at most n / 2 pairs can be one company told apart from the others.
Two different tax numbers speak against. So the score ranks pairs; it is not a calibrated share.
What staff merged and kept apart is there to learn the weights from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from crm.models import Account, Book
from crm.services.match_keys import Details, keys_of

WEIGHTS = {"tax_id": 0.95, "email": 0.85, "phone": 0.6, "name": 0.55, "domain": 0.5}
HOLDERS_MOST = 20  # a key that more accounts have tells nobody apart
AGAINST = 0.4  # what two different tax numbers leave of a score
SCORE_LEAST = 0.25  # below, nobody is asked to look

_SOURCE = """
    SELECT a.id, a.name, a.country, a.website, a.tax_id, a.email, a.phone,
           coalesce(p.people, '{}'::text[])
    FROM crm_account AS a
    LEFT JOIN LATERAL (
        SELECT array_agg(ARRAY[c.email, c.phone]::text[]) AS people FROM crm_contact AS c
        WHERE c.account_id = a.id AND (c.email <> '' OR c.phone <> '')
    ) AS p ON true
    WHERE a.id = ANY(%s)
"""
FEW = 100  # accounts for which a table of their own would cost more than it saves
_GIVEN = """unnest(%(accounts)s::bigint[], %(kinds)s::text[], %(keys)s::text[])"""
_FORGET = """
    DELETE FROM crm_matchkey AS k WHERE k.account_id = ANY(%(ids)s) AND NOT EXISTS (
        SELECT FROM {fresh} AS n (account_id, kind, key)
        WHERE n.account_id = k.account_id AND n.kind = k.kind AND n.key = k.key)
"""
_KEEP = """
    INSERT INTO crm_matchkey (account_id, kind, key)
    SELECT n.account_id, n.kind, n.key FROM {fresh} AS n (account_id, kind, key)
    WHERE NOT EXISTS (SELECT FROM crm_matchkey AS k
                      WHERE k.account_id = ANY(%(ids)s) AND k.account_id = n.account_id
                        AND k.kind = n.kind AND k.key = n.key)
    ORDER BY n.kind, n.key
    ON CONFLICT DO NOTHING
"""
_ALIKE = """
    WITH asked AS (
        SELECT * FROM unnest(%(rows)s::int[], %(kinds)s::text[], %(keys)s::text[]) AS asked (row, kind, key)
    )
    SELECT asked.row, k.account_id, asked.kind,
           count(*) OVER (PARTITION BY asked.row, asked.kind, asked.key)
    FROM asked
    JOIN LATERAL (
        SELECT m.account_id FROM crm_matchkey AS m JOIN crm_account AS a ON a.id = m.account_id
        WHERE m.kind = asked.kind AND m.key = asked.key AND (%(book)s::bigint IS NULL OR a.book_id = %(book)s)
        LIMIT %(most)s
    ) AS k ON true
"""
# The kinds that both have, and how many accounts have the rarest key that they share; 0 for none.
_SHARED = """
    SELECT a.kind, coalesce(min((
               SELECT count(*) FROM (
                   SELECT FROM crm_matchkey AS k WHERE k.kind = a.kind AND k.key = a.key LIMIT 1000
               ) AS held
           )) FILTER (WHERE a.key = b.key), 0)
    FROM crm_matchkey AS a JOIN crm_matchkey AS b USING (kind)
    WHERE a.account_id = %s AND b.account_id = %s GROUP BY a.kind
"""


@dataclass(frozen=True, slots=True)
class Match:
    """An account that may be meant, how likely, and by which keys."""

    account: Account
    score: float
    hits: list[dict[str, Any]]


@transaction.atomic
def store_keys(account_ids: Sequence[int]) -> int:
    """Compute the keys of these accounts and keep them in place of their old ones; return how many."""
    ids = list(account_ids)
    with connection.cursor() as cursor:
        cursor.execute(_SOURCE, [ids])
        rows = [(row[0], kind, key) for row in cursor.fetchall() for kind, key in keys_of(_details(row))]
        if len(ids) <= FEW:
            columns = dict(
                zip(("accounts", "kinds", "keys"), map(list, zip(*rows, strict=True)), strict=False)
            )
            given = {"ids": ids, "accounts": [], "kinds": [], "keys": [], **columns}
            cursor.execute(_FORGET.format(fresh=_GIVEN), given)
            cursor.execute(_KEEP.format(fresh=_GIVEN), given)
        else:
            _copy(cursor, rows)
            cursor.execute(_FORGET.format(fresh="sextant_keys"), {"ids": ids})
            cursor.execute(_KEEP.format(fresh="sextant_keys"), {"ids": ids})
            cursor.execute("DROP TABLE sextant_keys")
    return len(rows)


def _copy(cursor: CursorWrapper, rows: Iterable[tuple[int, str, str]]) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE sextant_keys (account_id bigint, kind text, key text) ON COMMIT DROP"
    )
    with cursor.copy("COPY sextant_keys FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute("ANALYZE sextant_keys")


def find_matches(
    details: Details,
    *,
    book: Book | None = None,
    among: QuerySet[Account] | None = None,
    limit: int = 5,
) -> list[Match]:
    """Return the accounts that these details may be about, the likeliest first.

    :param book: look there only; accounts of two books are never one.
    :param among: what the asker may see; others are not told of.
    """
    return find_all_matches([details], book=book, among=among, limit=limit)[0]


def find_all_matches(
    several: Sequence[Details],
    *,
    book: Book | None = None,
    among: QuerySet[Account] | None = None,
    limit: int = 5,
) -> list[list[Match]]:
    """Return the matches of each of these details, asking the database once for all."""
    keys = [(row, kind, key) for row, details in enumerate(several) for kind, key in sorted(keys_of(details))]
    if not keys:
        return [[] for _ in several]
    with connection.cursor() as cursor:
        cursor.execute(
            _ALIKE,
            {
                "rows": [row for row, _kind, _key in keys], "kinds": [kind for _row, kind, _key in keys],
                "keys": [key for _row, _kind, key in keys], "book": book.pk if book else None,
                "most": HOLDERS_MOST,
            },
        )  # fmt: skip
        hits = _by_row(cursor.fetchall(), len(several))
    found = {pk for of_row in hits for pk in of_row}
    accounts = (Account.objects if among is None else among).in_bulk(found)
    return [_ranked(of_row, accounts)[:limit] for of_row in hits]


def _ranked(hits: Mapping[int, list[dict[str, Any]]], accounts: Mapping[int, Account]) -> list[Match]:
    matches = [Match(accounts[pk], score_of(found), found) for pk, found in hits.items() if pk in accounts]
    likely = [match for match in matches if match.score >= SCORE_LEAST]
    return sorted(likely, key=lambda match: (-match.score, match.account.pk))


def score_of(hits: Iterable[dict[str, Any]]) -> float:
    """Return the score of these hits; the SQL of the job computes the same."""
    apart = 1.0
    for hit in hits:
        if hit.get("differs"):
            continue
        apart *= 1 - WEIGHTS[hit["kind"]] * min(1.0, 2 / hit["holders"])
    against = AGAINST if any(hit.get("differs") for hit in hits) else 1.0
    return (1 - apart) * against


def compare(first: Account, second: Account) -> list[dict[str, Any]]:
    """Return the hits of two accounts that somebody puts side by side."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [first.pk, second.pk])
        found = dict(cursor.fetchall())
    hits: list[dict[str, Any]] = [
        {"kind": kind, "holders": found[kind]} for kind in _by_weight() if found.get(kind)
    ]
    if found.get("tax_id") == 0:
        hits.append({"kind": "tax_id", "differs": True})
    return hits


def _details(row: Sequence[Any]) -> Details:
    _pk, name, country, website, tax_id, email, phone, people = row
    return Details(name, country, website, tax_id, email, phone, people=people)


def _by_row(rows: Iterable[tuple[int, int, str, int]], several: int) -> list[dict[int, list[dict[str, Any]]]]:
    """Return the hits of each account, by whose details; one of a kind, that of the rarest key."""
    found: list[dict[int, dict[str, int]]] = [{} for _ in range(several)]
    for row, pk, kind, holders in rows:
        # One more has the key, once the details are an account of their own.
        known = found[row].setdefault(pk, {})
        known[kind] = min(known.get(kind, holders + 1), holders + 1)
    return [
        {
            pk: [{"kind": kind, "holders": kinds[kind]} for kind in _by_weight() if kind in kinds]
            for pk, kinds in of_row.items()
        }
        for of_row in found
    ]


def _by_weight() -> list[str]:
    return sorted(WEIGHTS, key=lambda kind: -WEIGHTS[kind])
