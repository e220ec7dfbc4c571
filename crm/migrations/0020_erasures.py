"""What is kept of erasures; the way by which nobody joined visitors goes."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0019_feed_files_return"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="file_erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="visitor",
            name="joined",
            field=models.CharField(
                blank=True,
                choices=[("sign_in", "Sign-in"), ("link", "Tracked link"), ("form", "Form")],
                max_length=7,
            ),
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account_public_id", models.UUIDField(unique=True)),
                ("erased_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("counts", models.JSONField(default=dict)),
                (
                    "erased_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
