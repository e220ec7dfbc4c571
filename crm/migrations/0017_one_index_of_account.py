"""Events of an account are found by `event_of_account`; a second index only made them dearer to store."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0016_nightly_quality")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="account",
            field=models.ForeignKey(
                blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE,
                related_name="events", to="crm.account",
            ),
        ),
    ]
