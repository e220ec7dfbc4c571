"""Every minute those feeds are fetched that are due."""

from django.db import migrations

ADD_SCHEDULE = """
INSERT INTO crm_schedule (name, task, scope, params, every_minutes, at_time, weekday, is_enabled, next_due_at)
VALUES ('data-feeds', 'crm.fetch_feeds', '', '{}', 1, NULL, NULL, true, now() + interval '1 minute')
"""
FORGET_SCHEDULE = """
DELETE FROM crm_job WHERE schedule_id IN (SELECT id FROM crm_schedule WHERE name = 'data-feeds');
DELETE FROM crm_schedule WHERE name = 'data-feeds'
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0012_notifications_and_feedback")]

    operations = [migrations.RunSQL(ADD_SCHEDULE, FORGET_SCHEDULE)]
