"""Partitions that may be made late, and the schedules that every installation begins with."""

from django.db import migrations

# Rows that came before their month's partition lie in the default one; they move over. The table
# is filled before it is attached, so that nobody ever misses them.
MAKE_PARTITIONS = """
CREATE OR REPLACE FUNCTION sextant_make_partitions(parent text, first date, last date) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', first);
    made integer := 0;
    key text;
    name text;
    begins text;
    ends text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(parent));
    SELECT attname INTO STRICT key FROM pg_partitioned_table
    JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
    WHERE partrelid = parent::regclass;
    WHILE month <= last LOOP
        name := parent || to_char(month, '"_"YYYY"_"MM');
        begins := month::text || ' 00:00+00';
        ends := (month + interval '1 month')::date::text || ' 00:00+00';
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', parent || '_other');
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
            EXECUTE format('WITH early AS (DELETE FROM %1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) '
                           'INSERT INTO %5$I SELECT * FROM early',
                           parent || '_other', key, begins, ends, name);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, name, begins, ends);
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
"""

MAKE_FIRST_PARTITIONS = """
SELECT sextant_make_partitions(parent, now()::date, (now() + interval '3 months')::date)
FROM unnest(ARRAY['crm_event', 'crm_change']) AS parent
"""

# Local times of the organisation. A new installation waits for the next such moment: there is
# nothing to score yet.
ADD_SCHEDULES = """
INSERT INTO crm_schedule (name, task, scope, params, every_minutes, at_time, weekday, is_enabled, next_due_at)
SELECT name, task, '', '{}', every_minutes, at_time, weekday, true,
       CASE WHEN every_minutes IS NOT NULL THEN now() + make_interval(mins => every_minutes)
            ELSE (today + days + at_time) AT TIME ZONE zone END
FROM (VALUES
    ('partitions', 'crm.make_partitions', NULL, time '01:30', NULL),
    ('nightly', 'analytics.nightly', NULL, time '02:00', NULL),
    ('weekly-training', 'analytics.train_all', NULL, time '03:00', 6),
    ('outcomes', 'analytics.hold_against_outcomes', NULL, time '05:00', NULL),
    ('rescoring', 'analytics.rescore_changed', 5, NULL, NULL)
) AS wanted (name, task, every_minutes, at_time, weekday),
LATERAL (SELECT coalesce((SELECT time_zone FROM crm_organisation LIMIT 1), 'Europe/London') AS zone) AS place,
LATERAL (SELECT date_trunc('day', now() AT TIME ZONE zone) AS today) AS clock,
LATERAL (SELECT make_interval(days => CASE WHEN weekday IS NULL THEN 1
                                           ELSE 1 + (weekday + 7 - extract(isodow FROM today)::int) % 7 END)
         AS days) AS distance
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0006_job_cancel_and_rate")]

    operations = [
        migrations.RunSQL(MAKE_PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(MAKE_FIRST_PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(ADD_SCHEDULES, "DELETE FROM crm_job WHERE schedule_id IS NOT NULL; DELETE FROM crm_schedule"),
    ]
