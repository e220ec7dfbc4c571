"""Monthly partitions of append-only facts, and the past tables of facts that may be edited."""

from django.db import migrations

# Turns an empty table into one partitioned by month, with all that hangs on it. The primary key
# of a partitioned table must hold the partition's column, so it becomes (id, <column>).
PARTITION_BY_MONTH = """
CREATE FUNCTION sextant_partition_by_month(parent text, key text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    plain text := parent || '_plain';
    statements text[];
    statement text;
    sequence_name text;
BEGIN
    SELECT array_agg(text ORDER BY step) INTO statements FROM (
        SELECT 1 AS step, pg_get_indexdef(indexrelid) AS text FROM pg_index
        WHERE indrelid = parent::regclass AND NOT indisprimary
        UNION ALL
        SELECT 2, format('ALTER TABLE %I ADD CONSTRAINT %I %s', parent, conname,
                         pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE conrelid = parent::regclass AND contype = 'f'
        UNION ALL
        SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = parent::regclass AND NOT tgisinternal
    ) AS parts;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', parent, plain);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING IDENTITY) PARTITION BY RANGE (%I)', parent, plain, key);
    EXECUTE format('DROP TABLE %I', plain);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id, %I)', parent, key);
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_other', parent);
END $$;

CREATE FUNCTION sextant_make_partitions(parent text, first date, last date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', first);
    made integer := 0;
    name text;
BEGIN
    WHILE month <= last LOOP
        name := parent || to_char(month, '"_"YYYY"_"MM');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name,
                           parent, (month::text || ' 00:00+00'),
                           ((month + interval '1 month')::date::text || ' 00:00+00'));
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
"""

# The old versions of edited and deleted facts: what was known, and until when.
KEEP_PAST = """
CREATE FUNCTION sextant_keep_past(fact text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (known_to timestamptz NOT NULL, past_xid xid8 NOT NULL, LIKE %I)',
                   fact || '_past', fact);
    EXECUTE format('CREATE INDEX ON %I (past_xid)', fact || '_past');
    EXECUTE format('CREATE INDEX ON %I (id)', fact || '_past');
END $$;
"""

PARTITIONED = {"crm_event": "at", "crm_change": "at"}
FACTS = [
    "crm_attributevalue", "crm_event", "crm_invoice", "crm_order", "crm_orderline", "crm_outcome",
    "crm_payment", "crm_subscription",
]


class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]

    operations = [
        migrations.RunSQL(
            PARTITION_BY_MONTH,
            """DROP FUNCTION sextant_partition_by_month(text, text);
               DROP FUNCTION sextant_make_partitions(text, date, date)""",
        ),
        migrations.RunSQL(KEEP_PAST, "DROP FUNCTION sextant_keep_past(text)"),
        *(
            migrations.RunSQL(
                f"SELECT sextant_partition_by_month('{table}', '{column}')", migrations.RunSQL.noop
            )
            for table, column in PARTITIONED.items()
        ),
        *(
            migrations.RunSQL(f"SELECT sextant_keep_past('{table}')", f"DROP TABLE {table}_past")
            for table in FACTS
        ),
    ]
