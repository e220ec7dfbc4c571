from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0008_deleted_accounts_keep_their_book")]

    operations = [
        migrations.AddField("import", "columns", models.JSONField(default=list)),
    ]
