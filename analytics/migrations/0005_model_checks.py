"""What monitoring finds about models, what they may do by themselves, and predictions in shadow."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

KINDS = [
    ("churn", "Churn risk"),
    ("payment_risk", "Payment risk"),
    ("purchase", "Purchase"),
    ("customer_value", "Customer value"),
    ("recommendation", "Recommendations"),
]
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
NOW = django.db.models.functions.datetime.Now()

# Holding predictions against outcomes is a part of monitoring now. Jobs that wait run under its name.
MONITOR = """
UPDATE crm_schedule SET name = 'monitoring', task = 'analytics.monitor' WHERE name = 'outcomes';
UPDATE crm_job SET task = 'analytics.monitor' WHERE task = 'analytics.hold_against_outcomes'
"""
HOLD = """
UPDATE crm_schedule SET name = 'outcomes', task = 'analytics.hold_against_outcomes' WHERE name = 'monitoring';
UPDATE crm_job SET task = 'analytics.hold_against_outcomes' WHERE task = 'analytics.monitor'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0004_predictions_never_change"),
        ("crm", "0021_erasures_of_contacts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="prediction",
            name="occasion",
            field=models.CharField(
                choices=[("weekly", "Weekly"), ("acted", "Acted"), ("shadow", "Shadow")],
                default="weekly",
                max_length=6,
            ),
        ),
        migrations.CreateModel(
            name="ModelCheck",
            fields=[
                ("id", ID),
                ("kind", models.CharField(choices=KINDS, max_length=20)),
                ("model_version", models.CharField(max_length=64)),
                (
                    "topic",
                    models.CharField(
                        choices=[
                            ("outcomes", "Outcomes"),
                            ("recalibration", "Recalibration"),
                            ("inputs", "Inputs"),
                            ("profile", "Profile"),
                            ("coverage", "Coverage"),
                        ],
                        max_length=13,
                    ),
                ),
                (
                    "group",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("everybody", "Everybody"),
                            ("untouched", "Nobody acted on them"),
                            ("acted", "Acted on"),
                            ("holdout", "Held out of a campaign"),
                        ],
                        max_length=9,
                    ),
                ),
                ("as_of", models.DateTimeField()),
                ("known_at", models.DateTimeField()),
                ("figures", models.JSONField(default=dict)),
                ("findings", models.JSONField(default=list)),
                ("checked_at", models.DateTimeField(db_default=NOW)),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="crm.book"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("book"),
                        models.F("kind"),
                        models.OrderBy(models.F("as_of"), descending=True),
                        name="checks_newest_first",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("model_version", "topic", "group", "as_of"), name="one_check_of_a_moment"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            topic__in=["outcomes", "recalibration", "inputs", "profile", "coverage"]
                        ),
                        name="check_topic_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(group__in=["", "everybody", "untouched", "acted", "holdout"]),
                        name="check_group_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelPolicy",
            fields=[
                ("id", ID),
                ("kind", models.CharField(choices=KINDS, max_length=20)),
                (
                    "waits_in_shadow",
                    models.BooleanField(
                        default=False, verbose_name="New versions wait in shadow until promoted"
                    ),
                ),
                (
                    "recalibrates_itself",
                    models.BooleanField(default=False, verbose_name="Recalibrates itself"),
                ),
                ("changed_at", models.DateTimeField(db_default=NOW)),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="crm.book"
                    ),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "model policies",
                "constraints": [
                    models.UniqueConstraint(fields=("book", "kind"), name="one_policy_per_model")
                ],
            },
        ),
        migrations.RunSQL(MONITOR, HOLD),
    ]
