"""What stands in the tables is checked every night, before the nightly scoring reads it."""

from django.db import migrations

ADD_SCHEDULE = """
INSERT INTO crm_schedule (name, task, scope, params, every_minutes, at_time, weekday, is_enabled, next_due_at)
VALUES ('data-quality', 'crm.check_quality', '', '{}', NULL, time '01:30', NULL, true,
        (date_trunc('day', now() AT TIME ZONE 'Europe/London') + interval '1 day 90 minutes')
        AT TIME ZONE 'Europe/London')
"""
FORGET_SCHEDULE = """
DELETE FROM crm_job WHERE schedule_id IN (SELECT id FROM crm_schedule WHERE name = 'data-quality');
DELETE FROM crm_schedule WHERE name = 'data-quality'
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0015_rescoring_follows_the_feed")]

    operations = [migrations.RunSQL(ADD_SCHEDULE, FORGET_SCHEDULE)]
