from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("analytics", "0002_initial"), ("crm", "0002_partitions_and_past")]

    operations = [
        migrations.RunSQL(
            "SELECT sextant_partition_by_month('analytics_prediction', 'as_of')",
            migrations.RunSQL.noop,
        ),
        # A rerun of the same weekly run replaces nothing and adds nothing.
        migrations.RunSQL(
            "CREATE UNIQUE INDEX one_prediction ON analytics_prediction "
            "(account_id, kind, occasion, as_of, model_version)",
            "DROP INDEX one_prediction",
        ),
    ]
