"""Tickets become facts: models read them as they were known at a moment."""

import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# What stands is known since it was made; only that, so neither revision nor audit log tells of it.
SINCE_IT_WAS_MADE = """
    SET CONSTRAINTS ALL IMMEDIATE;
    ALTER TABLE crm_ticket DISABLE TRIGGER USER;
    UPDATE crm_ticket SET known_at = created_at;
    ALTER TABLE crm_ticket ENABLE TRIGGER USER
"""


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0029_unnamed_organisation'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='ticket',
            name='stamp',
        ),
        migrations.AddField(
            model_name='ticket',
            name='known_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.RunSQL(SINCE_IT_WAS_MADE, migrations.RunSQL.noop),
        migrations.RunSQL("SELECT sextant_keep_past('crm_ticket')", "DROP TABLE crm_ticket_past"),
        migrations.RunSQL("CREATE INDEX ON crm_ticket_past (account_id)", migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name='ticket',
            trigger=pgtrigger.compiler.Trigger(name='stamp', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        NEW.created_at := OLD.created_at;\n        NEW.updated_at := now();\n        NEW.revision := OLD.revision + 1;\n        NEW.changed_xid := pg_current_xact_id();\n        NEW.known_at := greatest(clock_timestamp(), OLD.known_at);\n        RETURN NEW;\n    ', hash='26ba65aff562f21d285adedb0edb61a8c3c8a2e1', operation='UPDATE', pgid='pgtrigger_stamp_d11bc', table='crm_ticket', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ticket',
            trigger=pgtrigger.compiler.Trigger(name='keep_past_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE known_to timestamptz := clock_timestamp();', func="\n            EXECUTE format('INSERT INTO %I SELECT $1, pg_current_xact_id(), o.* FROM old_rows o',\n                           TG_TABLE_NAME || '_past') USING known_to;\n            RETURN NULL;\n        ", hash='7f526e0eb7ee81f1eb9d900eac5ac4b19cae872c', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_keep_past_update_26941', referencing='REFERENCING OLD TABLE AS old_rows ', table='crm_ticket', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ticket',
            trigger=pgtrigger.compiler.Trigger(name='keep_past_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE known_to timestamptz := clock_timestamp();', func="\n            EXECUTE format('INSERT INTO %I SELECT $1, pg_current_xact_id(), o.* FROM old_rows o',\n                           TG_TABLE_NAME || '_past') USING known_to;\n            RETURN NULL;\n        ", hash='e21631ee942480b63030b73d5890151d199272c8', level='STATEMENT', operation='DELETE', pgid='pgtrigger_keep_past_delete_160be', referencing='REFERENCING OLD TABLE AS old_rows ', table='crm_ticket', when='AFTER')),
        ),
    ]
