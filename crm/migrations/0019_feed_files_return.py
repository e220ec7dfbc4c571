"""What a feed brought may come again after something else; and what an address says of its file is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0018_one_index_of_match_keys")]

    operations = [
        migrations.RemoveConstraint(model_name="datafeedfile", name="feed_file_fetched_once"),
        migrations.AddField(
            model_name="datafeedfile", name="changed_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="datafeedfile",
            name="etag",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="datafeedfile",
            name="last_modified",
            field=models.CharField(blank=True, db_default="", max_length=60),
        ),
    ]
