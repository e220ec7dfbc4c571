"""What is erased may be a contact too."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("crm", "0020_erasures")]

    operations = [migrations.RenameField("erasure", "account_public_id", "public_id")]
