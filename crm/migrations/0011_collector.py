"""What the collector needs: the medium of a visit, events by visitor, contacts by e-mail, two schedules."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models.functions.text import Lower

# Kept for 25 months unless an administrator says otherwise.
KEEP_EVENTS = """
INSERT INTO crm_eventretention (kind, days)
SELECT kind, 760 FROM unnest(ARRAY['visit', 'search', 'view', 'use']) AS kind
"""
ADD_SCHEDULES = """
INSERT INTO crm_schedule (name, task, scope, params, every_minutes, at_time, weekday, is_enabled, next_due_at)
VALUES ('sessions', 'crm.sessionise', '', '{}', 5, NULL, NULL, true, now() + interval '5 minutes'),
       ('event-retention', 'crm.drop_old_events', '', '{}', NULL, time '01:10', NULL, true,
        (date_trunc('day', now() AT TIME ZONE 'Europe/London') + interval '1 day 70 minutes')
        AT TIME ZONE 'Europe/London')
"""
FORGET_SCHEDULES = """
DELETE FROM crm_job WHERE schedule_id IN
    (SELECT id FROM crm_schedule WHERE name IN ('sessions', 'event-retention'));
DELETE FROM crm_schedule WHERE name IN ('sessions', 'event-retention')
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0010_data_in")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="medium",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        # Past versions are copied whole, so their table has the fact's columns in the fact's order.
        migrations.RunSQL(
            "ALTER TABLE crm_event_past ADD COLUMN medium varchar(60) NOT NULL DEFAULT ''",
            "ALTER TABLE crm_event_past DROP COLUMN medium",
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                Lower("email"), name="contact_by_email", condition=models.Q(email="", _negated=True)
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("visitor"), models.F("at"), name="event_of_visitor",
                condition=models.Q(visitor="", _negated=True),
            ),
        ),
        migrations.AddIndex(
            model_name="eventkey", index=BrinIndex(models.F("at"), name="event_keys_by_age")
        ),
        migrations.RunSQL(KEEP_EVENTS, "DELETE FROM crm_eventretention"),
        migrations.RunSQL(ADD_SCHEDULES, FORGET_SCHEDULES),
    ]
