"""Rules over accounts, their contacts and their tickets."""

from __future__ import annotations

from crm.services.company_forms import GLUED_FORMS
from crm.services.public_domains import PUBLIC_DOMAINS
from crm.services.quality_tables import BOOK, EMAIL, Rule, Table

_UNTIDY = r"{0} <> regexp_replace(btrim({0}), '\s+', ' ', 'g')"
# Only forms that nobody bears as a surname.
_COMPANY = (
    r"'(\m(ltd|limited|plc|llc|llp|inc|corp|gmbh|ohg|kgaa|sarl|sasu|eurl|s\.?r\.?l\.|s\.p\.a|bvba|b\.v|n\.v"
    r"|aps|oyj?|lda|ltda|pty|kft|zrt|s\.r\.o|d\.o\.o|sp\.? z ?o\.?o)\.?|" + "|".join(GLUED_FORMS) + r")\s*$'"
)
_PUBLIC = ", ".join(f"'{domain}'" for domain in sorted(PUBLIC_DOMAINS))
_HOST = r"regexp_replace(lower(account.website), '^(https?://)?(www\.)?([^/:?]+).*$', '\3')"
_DOMAIN = "lower(split_part(contact.email, '@', 2))"

ACCOUNTS = Table(
    "accounts",
    "account",
    "crm_account AS account" + BOOK.format(owner="account"),
    (
        Rule(
            "no_contact",
            "account.kind = 'organisation' AND account.stage = 'customer' AND peopled.account_id IS NULL",
            ("peopled",),
        ),
        Rule("no_country", "account.country = ''"),
        Rule(
            "no_owner",
            "account.stage = 'customer' AND account.owner_id IS NULL AND account.team_id IS NULL",
        ),
        Rule("email_malformed", f"account.email <> '' AND btrim(account.email) !~ {EMAIL}"),
        Rule(
            "email_untidy",
            f"account.email <> lower(btrim(account.email)) AND btrim(account.email) ~ {EMAIL}",
        ),
        Rule("name_with_spaces", _UNTIDY.format("account.name")),
        Rule("since_in_future", "account.customer_since > (now() + interval '1 day')::date"),
        Rule("person_with_company_form", f"account.kind = 'person' AND lower(account.name) ~ {_COMPANY}"),
        Rule(
            "former_still_buys",
            "account.stage = 'former' AND bought.last_at > book.as_of - interval '90 days'",
            ("bought",),
        ),
        Rule(
            "currency_without_rate",
            "account.currency <> book.currency AND rated.currency IS NULL",
            ("rated",),
        ),
        Rule("same_name_and_country", "twin.name IS NOT NULL", ("twin",)),
        Rule("same_tax_id", "taxed.tax_id IS NOT NULL", ("taxed",)),
        Rule(
            "customer_gone_quiet",
            "account.stage = 'customer' AND coalesce(greatest(bought.last_at, billed.last_at, met.last_at),"
            " account.customer_since::timestamptz, account.created_at) < book.as_of - interval '3 years'",
            ("bought", "billed", "met"),
        ),
    ),
    joins={
        "peopled": "LEFT JOIN (SELECT DISTINCT account_id FROM crm_contact) AS peopled"
        " ON peopled.account_id = account.id",
        "bought": "LEFT JOIN (SELECT account_id, max(placed_at) AS last_at FROM crm_order WHERE kind = 'sale'"
        " GROUP BY 1) AS bought ON bought.account_id = account.id",
        "billed": "LEFT JOIN (SELECT account_id, max(issued_at) AS last_at FROM crm_invoice GROUP BY 1)"
        " AS billed ON billed.account_id = account.id",
        "met": "LEFT JOIN (SELECT account_id, max(at) AS last_at FROM crm_activity GROUP BY 1) AS met"
        " ON met.account_id = account.id",
        "rated": "LEFT JOIN (SELECT DISTINCT base AS currency FROM crm_exchangerate"
        " JOIN crm_organisation ON reporting_currency = quote"
        " UNION SELECT reporting_currency FROM crm_organisation) AS rated"
        " ON rated.currency = account.currency",
        "twin": "LEFT JOIN (SELECT book_id, lower(name) AS name, country FROM crm_account WHERE country <> ''"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1) AS twin ON twin.book_id = account.book_id"
        " AND twin.name = lower(account.name) AND twin.country = account.country",
        "taxed": "LEFT JOIN (SELECT book_id, tax_id FROM crm_account WHERE tax_id <> ''"
        " GROUP BY 1, 2 HAVING count(*) > 1) AS taxed ON taxed.book_id = account.book_id"
        " AND taxed.tax_id = account.tax_id",
    },
)

CONTACTS = Table(
    "contacts",
    "contact",
    "crm_contact AS contact JOIN crm_account AS account ON account.id = contact.account_id"
    + BOOK.format(owner="account"),
    (
        Rule("unreachable", "contact.email = '' AND contact.phone = ''"),
        Rule("email_malformed", f"contact.email <> '' AND btrim(contact.email) !~ {EMAIL}"),
        Rule(
            "email_untidy",
            f"contact.email <> lower(btrim(contact.email)) AND btrim(contact.email) ~ {EMAIL}",
        ),
        Rule("name_with_spaces", _UNTIDY.format("contact.name")),
        Rule(
            "other_domain",
            f"account.website <> '' AND contact.email LIKE '%@%' AND {_DOMAIN} <> ALL (ARRAY[{_PUBLIC}])"
            f" AND '.' || {_DOMAIN} NOT LIKE '%.' || {_HOST} AND '.' || {_HOST} NOT LIKE '%.' || {_DOMAIN}",
        ),
        Rule("same_email_elsewhere", "shared.email IS NOT NULL", ("shared",)),
    ),
    joins={
        "shared": "LEFT JOIN (SELECT lower(email) AS email FROM crm_contact WHERE email <> ''"
        " GROUP BY 1 HAVING min(account_id) < max(account_id)) AS shared"
        " ON shared.email = lower(contact.email)",
    },
)

TICKETS = Table(
    "tickets",
    "ticket",
    "crm_ticket AS ticket JOIN crm_account AS account ON account.id = ticket.account_id"
    + BOOK.format(owner="account"),
    (
        Rule(
            "unassigned",
            "ticket.state = 'open' AND ticket.assignee_id IS NULL"
            " AND ticket.opened_at < book.as_of - interval '7 days'",
        ),
        Rule("solved_before_opened", "ticket.solved_at < ticket.opened_at"),
        Rule("contact_elsewhere", "asker.account_id <> ticket.account_id", ("asker",)),
        Rule("same_subject_twice", "repeated.subject IS NOT NULL", ("repeated",)),
        Rule(
            "open_for_long",
            "ticket.state IN ('open', 'pending') AND ticket.opened_at < book.as_of - interval '90 days'",
        ),
    ),
    joins={
        "asker": "LEFT JOIN crm_contact AS asker ON asker.id = ticket.contact_id",
        "repeated": "LEFT JOIN (SELECT account_id, lower(subject) AS subject FROM crm_ticket"
        " WHERE state IN ('open', 'pending') GROUP BY 1, 2 HAVING count(*) > 1) AS repeated"
        " ON repeated.account_id = ticket.account_id AND repeated.subject = lower(ticket.subject)"
        " AND ticket.state IN ('open', 'pending')",
    },
)
