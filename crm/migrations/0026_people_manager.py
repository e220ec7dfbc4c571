from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("crm", "0025_baskets")]

    operations = [migrations.AlterModelManagers(name="user", managers=[])]
