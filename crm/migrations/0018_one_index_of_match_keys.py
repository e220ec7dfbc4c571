"""Match keys of an account are found by their unique constraint; a second index made them dearer to write."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0017_one_index_of_account")]

    operations = [
        migrations.AlterField(
            model_name="matchkey",
            name="account",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="crm.account"
            ),
        ),
    ]
