"""Look for duplicates every night, before the scores are computed."""

from django.db import migrations

ADD_SCHEDULE = """
INSERT INTO crm_schedule (name, task, scope, params, every_minutes, at_time, weekday, is_enabled, next_due_at)
SELECT 'duplicates', 'crm.find_duplicates', '', '{}', NULL, time '01:20', NULL, true,
       (date_trunc('day', now() AT TIME ZONE zone) + interval '1 day 80 minutes') AT TIME ZONE zone
FROM (SELECT coalesce((SELECT time_zone FROM crm_organisation LIMIT 1), 'Europe/London') AS zone) AS place
"""
FORGET_SCHEDULE = """
DELETE FROM crm_job WHERE schedule_id IN (SELECT id FROM crm_schedule WHERE name = 'duplicates');
DELETE FROM crm_schedule WHERE name = 'duplicates'
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0013_data_feeds")]

    operations = [migrations.RunSQL(ADD_SCHEDULE, FORGET_SCHEDULE)]
