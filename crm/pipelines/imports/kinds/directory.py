"""Contacts and products."""

from crm.pipelines.imports.kinds.one_table import one_table
from crm.pipelines.imports.kinds.spec import ACCOUNT_CHECKS, ACCOUNT_FOUND, ACCOUNT_JOIN, Check, Link, Target

# Without a number of its own a contact is the one with the same address, else with the same name.
CONTACT = Target(
    table="crm_contact",
    row_id="coalesce(linked.row_id, standing.id)",
    joins=ACCOUNT_JOIN
    + """
    LEFT JOIN LATERAL (
        SELECT known.id FROM crm_contact AS known
        WHERE known.account_id = account.id AND s.external_id IS NULL AND CASE WHEN s.email IS NULL
            THEN known.name = s.name ELSE lower(known.email) = lower(s.email) END
        ORDER BY known.id LIMIT 1
    ) AS standing ON true
    """,
    found=ACCOUNT_FOUND,
    values={
        "account_id": "found.account_id",
        "name": "coalesce(found.name, kept.name)",
        "job_title": "coalesce(found.job_title, kept.job_title, '')",
        "email": "coalesce(found.email, kept.email, '')",
        "phone": "coalesce(found.phone, kept.phone, '')",
    },
    always={"is_simulated": "false"},
    checks=ACCOUNT_CHECKS,
    link=Link("contact"),
)
CONTACTS = one_table(
    "contacts",
    CONTACT,
    key="""CASE WHEN external_id IS NOT NULL THEN 'number ' || external_id
        WHEN email IS NOT NULL THEN 'email ' || account || ' ' || lower(email)
        ELSE 'name ' || account || ' ' || name END""",
    blamed="name",
)

PRODUCT = Target(
    table="crm_product",
    row_id="standing.id",
    joins="LEFT JOIN crm_product AS standing ON standing.book_id = {book} AND standing.code = s.code",
    values={
        "code": "coalesce(found.code, kept.code)",
        "name": "coalesce(found.name, kept.name)",
        "category": "coalesce(found.category, kept.category, '')",
        "price": "coalesce(round(found.price, 4), kept.price)",
        "currency": "coalesce(found.currency, kept.currency, {currency})",
        "is_sold": "coalesce(found.is_sold, kept.is_sold, true)",
        "sold_in": """coalesce(btrim(upper(regexp_replace(found.sold_in, '[^A-Za-z]+', ' ', 'g'))),
            kept.sold_in, '')""",
        "is_bought_once": "coalesce(found.is_bought_once, kept.is_bought_once, false)",
    },
    always={"book_id": "{book}"},
    checks=(Check("is_negative", "price", "found.price < 0"),),
)
PRODUCTS = one_table("products", PRODUCT, key="code", blamed="code")
