from django.db import migrations

# Installations without a demo bore its name.
UNNAME = """
    UPDATE crm_organisation SET name = ''
    WHERE name = 'Sextant demo' AND NOT EXISTS (SELECT FROM crm_book WHERE is_demo)
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0028_organisation_audit")]

    operations = [migrations.RunSQL(UNNAME, migrations.RunSQL.noop)]
