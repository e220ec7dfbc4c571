"""The statements of `generation`. Row number and seed decide every value, by hash.

`{u}` stands for a share 0..1 that follows from the row number `i`, the seed and a name.
"""

TABLES = (
    "crm_account", "crm_contact", "crm_product", "crm_order", "crm_orderline", "crm_invoice",
    "crm_event", "crm_outcome", "crm_activity", "crm_ticket", "crm_score", "crm_value",
    "crm_recommendation",
)  # fmt: skip
SEQUENCES = ("crm_account", "crm_product", "crm_order", "crm_orderline")


def _share(row: str, salt: int) -> str:
    """Return the SQL of a share 0..1 from the first 31 bits of a hash."""
    return f"((hashint8extended({row}, %(seed)s + {salt}) & 2147483647) / 2147483648.0)"


# Like any history that is loaded in one go, it was known when it happened: models can learn from it.
_PLACED = "now() - interval '1 day' - {share} * interval '729 days'"

_ACCOUNTS = f"""
    INSERT INTO crm_account (id, book_id, kind, name, industry, country, currency, owner_id, team_id,
                             stage, customer_since, attributes)
    SELECT i, %(book)s, 'organisation',
           (ARRAY['Harrow','Juniper','Willow','Copper','Marlowe','Bramble','Foxglove','Hazel','Linden',
                  'Primrose','Thistle','Wren'])[1 + ({_share("i", 1)} * 12)::int %% 12] || ' ' ||
           (ARRAY['Trading','Home','Interiors','Supplies','Stores','Wholesale','Living'])
               [1 + ({_share("i", 2)} * 7)::int %% 7] || ' ' || i,
           (ARRAY['retail','services','industry','health','public'])[1 + (i %% 5)],
           CASE WHEN {_share("i", 3)} < 0.001 THEN 'IS'
                ELSE (ARRAY['GB','DE','FR','NL','IE','ES','CN','US'])[1 + ({_share("i", 4)} * 8)::int %% 8]
           END,
           'GBP',
           CASE WHEN i <= %(own_accounts)s THEN %(owner)s
                ELSE (%(owners)s::bigint[])[1 + i %% cardinality(%(owners)s::bigint[])] END,
           CASE WHEN i > %(own_accounts)s
                THEN (%(teams)s::bigint[])[1 + i %% cardinality(%(teams)s::bigint[])] END,
           'customer', current_date - ({_share("i", 5)} * 2000)::int,
           jsonb_build_object('tier', (ARRAY['basic','plus','premium'])[1 + ({_share("i", 6)} * 3)::int %% 3],
                              'seats', 1 + ({_share("i", 7)} * 500)::int)
    FROM generate_series(1, %(accounts)s) AS i
"""

_ATTRIBUTES = """
    INSERT INTO crm_attributedefinition (key, label, type, choices, is_known_before, is_sensitive)
    VALUES ('tier', 'Tier', 'choice', '{"basic": "Basic", "plus": "Plus", "premium": "Premium"}', true,
            false),
           ('seats', 'Seats', 'number', '{}', true, false)
    ON CONFLICT DO NOTHING
"""

_CONTACTS = """
    INSERT INTO crm_contact (account_id, name, job_title, email, phone, is_simulated)
    SELECT i, 'Contact ' || i, 'Buyer', 'contact' || i || '@example.com', '', true
    FROM generate_series(1, %(accounts)s) AS i
"""

_PRODUCTS = f"""
    INSERT INTO crm_product (id, book_id, code, name, category, price, currency, is_sold)
    SELECT i, %(book)s, 'P' || i, 'Product ' || i, 'Category ' || (i %% 12),
           round((1 + 40 * {_share("i", 10)})::numeric, 2), 'GBP', true
    FROM generate_series(1, %(products)s) AS i
"""

# Popular products are bought more often: the square of a share leans towards the first ones.
_LINES = f"""
    INSERT INTO crm_orderline (id, order_id, product_id, quantity, unit_price, amount, amount_reporting,
                               known_at)
    SELECT i, (i - 1) / %(lines)s + 1, product, quantity, price, quantity * price, quantity * price,
           {_PLACED.format(share=_share("((i - 1) / %(lines)s + 1)", 31))}
    FROM (
        SELECT i, 1 + (pow({_share("i", 20)}, 2) * %(products)s)::bigint %% %(products)s AS product,
               1 + ({_share("i", 21)} * 12)::int AS quantity,
               round((1 + 40 * {_share("i", 22)})::numeric, 2) AS price
        FROM generate_series(1::bigint, %(orders)s::bigint * %(lines)s) AS i
    ) AS line
"""

_ORDERS = f"""
    INSERT INTO crm_order (id, public_id, book_id, account_id, kind, number, placed_at, currency, amount,
                           rate, amount_reporting, known_at)
    SELECT i, uuidv7(), %(book)s, 1 + (pow({_share("i", 30)}, 1.5) * %(accounts)s)::bigint %% %(accounts)s,
           'sale', 'G' || i, placed_at, 'GBP', total, 1, total, placed_at
    FROM (SELECT i, total, {_PLACED.format(share=_share("i", 31))} AS placed_at
          FROM (SELECT order_id AS i, sum(amount) AS total FROM crm_orderline GROUP BY order_id) AS sums
         ) AS orders
"""

_INVOICES = f"""
    INSERT INTO crm_invoice (public_id, book_id, account_id, number, issued_at, due_at, currency, amount,
                             rate, amount_reporting, known_at)
    SELECT uuidv7(), %(book)s, i, 'I' || i, now() - interval '60 days', now() - interval '30 days', 'GBP',
           amount, 1, amount, now() - interval '60 days'
    FROM (SELECT i, round((50 + 900 * {_share("i", 40)})::numeric, 2) AS amount
          FROM generate_series(1, %(accounts)s) AS i) AS invoices
"""

_EVENTS = f"""
    INSERT INTO crm_event (kind, at, account_id, visitor, term, source, campaign_code, key, known_at)
    SELECT (ARRAY['visit','search','view','use'])[1 + i %% 4], at,
           1 + ({_share("i", 51)} * %(accounts)s)::bigint %% %(accounts)s, '', '', 'web', '', '', at
    FROM (SELECT i, now() - interval '1 day' - {_share("i", 50)} * interval '364 days' AS at
          FROM generate_series(1::bigint, %(events)s::bigint) AS i) AS events
"""

# Whether the invoice before the last was paid in time; the larger, the less likely.
_OUTCOMES = f"""
    INSERT INTO crm_outcome (account_id, kind, happened, cutoff_at, observed_at, known_at)
    SELECT i, 'default', {_share("i", 41)} < 0.02 + 0.2 * {_share("i", 40)}, now() - interval '50 days',
           now() - interval '20 days', now() - interval '20 days'
    FROM generate_series(1, %(accounts)s) AS i
"""

_ACTIVITIES = f"""
    INSERT INTO crm_activity (account_id, kind, text, at, author_id, is_pinned, is_simulated)
    SELECT 1 + i %% %(accounts)s, (ARRAY['note','call','email'])[1 + i %% 3], 'Made-up activity ' || i,
           now() - {_share("i", 60)} * interval '300 days', %(owner)s, false, true
    FROM generate_series(1, %(accounts)s) AS i
"""

_TICKETS = f"""
    INSERT INTO crm_ticket (account_id, kind, state, priority, subject, text, opened_at, is_simulated)
    SELECT 1 + ({_share("i", 70)} * %(accounts)s)::bigint %% %(accounts)s, 'question', 'open', 2,
           'Made-up ticket ' || i, '', now() - {_share("i", 71)} * interval '60 days', true
    FROM generate_series(1, %(accounts)s / 20) AS i
"""

_SCORES = f"""
    INSERT INTO crm_score (account_id, kind, value, base_log_odds, reasons, horizon_days, model_version,
                           as_of, published_at, weekly_values, weekly_models)
    SELECT i, kind, value, -1.2,
           '[{{"code": "recency", "points": 0.4, "values": {{"days": 40}}}},
             {{"code": "money", "points": -0.2, "values": {{"amount": 900}}}},
             {{"code": "tenure", "points": 0.1, "values": {{"days": 700}}}}]'::jsonb,
           horizon, 'generated-' || kind || '-1', date_trunc('day', now()), now(),
           ARRAY[value, value, value], ARRAY[1, 1, 1]::int2[]
    FROM (
        SELECT i, kind, horizon, pow({_share("i * 4 + n", 80)}, bend) AS value
        FROM generate_series(1::bigint, %(accounts)s) AS i,
             (VALUES (0, 'churn', 90, 1.0), (1, 'purchase', 30, 1.5), (2, 'payment_risk', 30, 3.0))
                 AS kinds (n, kind, horizon, bend)
    ) AS scores
"""

_VALUES = f"""
    INSERT INTO crm_value (account_id, kind, amount, low, high, currency, details, horizon_days,
                           model_version, as_of, published_at)
    SELECT i, kind, amount, amount * 0.5, amount * 2, 'GBP', '{{}}', 365, 'generated-value-1',
           date_trunc('day', now()), now()
    FROM (
        SELECT i, kind, round((5000 * pow({_share("i * 4 + n", 90)}, bend))::numeric, 2) AS amount
        FROM generate_series(1::bigint, %(accounts)s) AS i,
             (VALUES (0, 'customer_value', 2.0), (1, 'expected_loss', 4.0)) AS kinds (n, kind, bend)
    ) AS values
"""

_RECOMMENDATIONS = """
    INSERT INTO crm_recommendation (account_id, product_id, rank, kind, score, reason, model_version, as_of)
    SELECT i, 1 + (i * 7 + rank * 131) %% %(products)s, rank, 'popular', 1.0 / rank,
           '{"code": "popular", "buyers": 40}', 'generated-recommendation-1', date_trunc('day', now())
    FROM generate_series(1, %(accounts)s) AS i, generate_series(1, 5) AS rank
"""

_PARTNER_LINKS = """
    INSERT INTO crm_partneraccount (partner_id, account_id, role, since)
    SELECT %(partner)s, i, 'referred', now() - interval '300 days'
    FROM generate_series(1, least(%(accounts)s, %(partner_accounts)s)) AS i
"""

RECORDS = (
    ("attributes", _ATTRIBUTES),
    ("accounts", _ACCOUNTS),
    ("contacts", _CONTACTS),
    ("products", _PRODUCTS),
    ("activities", _ACTIVITIES),
    ("tickets", _TICKETS),
    ("partner links", _PARTNER_LINKS),
)
FACTS = (
    ("order lines", _LINES),
    ("orders", _ORDERS),
    ("invoices", _INVOICES),
    ("events", _EVENTS),
    ("outcomes", _OUTCOMES),
)
PUBLISHED = (("scores", _SCORES), ("values", _VALUES), ("recommendations", _RECOMMENDATIONS))
