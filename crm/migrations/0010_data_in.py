import crm.models.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0009_import_columns'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangedRows',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table_name', models.CharField(max_length=63)),
                ('action', models.CharField(choices=[('inserted', 'Inserted'), ('updated', 'Updated'), ('deleted', 'Deleted')], max_length=8)),
                ('row_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ('revisions', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True, size=None)),
                ('old_rows', models.JSONField(null=True)),
                ('xid', crm.models.fields.Xid8Field(db_default=crm.models.fields.CurrentXid())),
            ],
        ),
        migrations.CreateModel(
            name='ChangeSet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=crm.models.fields.UuidV7(), editable=False, unique=True)),
                ('kind', models.CharField(choices=[('import', 'Import'), ('bulk_edit', 'Bulk edit'), ('merge', 'Merge')], max_length=9)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('undo_until', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Can be undone'), ('undoing', 'Being undone'), ('undone', 'Undone')], default='open', max_length=7)),
                ('undone_at', models.DateTimeField(null=True)),
                ('data', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='DataFeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=crm.models.fields.UuidV7(), editable=False, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('revision', models.PositiveIntegerField(db_default=1, editable=False)),
                ('changed_xid', crm.models.fields.Xid8Field(db_default=crm.models.fields.CurrentXid(), db_index=True, editable=False)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('layout', models.CharField(max_length=40, verbose_name='kind of rows')),
                ('source', models.CharField(max_length=60, verbose_name='source')),
                ('via', models.CharField(choices=[('folder', 'Folder'), ('https', 'HTTPS address')], max_length=6)),
                ('address', models.CharField(max_length=500, verbose_name='folder or address')),
                ('token_variable', models.CharField(blank=True, max_length=60, verbose_name='variable with the token')),
                ('every_minutes', models.PositiveIntegerField(default=60, verbose_name='every so many minutes')),
                ('next_due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('reading', models.JSONField(default=dict)),
                ('mapping', models.JSONField(default=dict)),
                ('contract', models.JSONField(default=dict)),
                ('is_enabled', models.BooleanField(default=True, verbose_name='on')),
                ('state', models.CharField(choices=[('waiting', 'Waiting for its first file'), ('running', 'Running'), ('stopped', 'Stopped')], default='waiting', max_length=7)),
                ('problem', models.JSONField(null=True)),
                ('fetched_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DataFeedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('sha256', models.CharField(max_length=64)),
                ('fetched_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='DuplicatePair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=crm.models.fields.UuidV7(), editable=False, unique=True)),
                ('score', models.FloatField()),
                ('hits', models.JSONField()),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('kept_apart', 'Kept apart')], default='proposed', max_length=10)),
                ('found_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('decided_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EventRetention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=6, unique=True, verbose_name='kind')),
                ('days', models.PositiveIntegerField(verbose_name='days')),
            ],
        ),
        migrations.CreateModel(
            name='MatchKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('name', 'Name'), ('domain', 'Domain'), ('phone', 'Phone'), ('tax_id', 'Tax number'), ('email', 'E-mail')], max_length=6)),
                ('key', models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='MergedAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='QualityCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table', models.CharField(max_length=30)),
                ('code', models.CharField(max_length=60)),
                ('on_date', models.DateField()),
                ('checked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('caught', models.BigIntegerField()),
                ('checked', models.BigIntegerField()),
                ('examples', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='QualityRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table', models.CharField(max_length=30)),
                ('code', models.CharField(max_length=60)),
                ('is_enabled', models.BooleanField(default=True)),
                ('position', models.PositiveSmallIntegerField()),
            ],
            options={
                'ordering': ('table', 'position', 'code'),
            },
        ),
        migrations.CreateModel(
            name='QuarantinedRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_number', models.BigIntegerField()),
                ('cells', models.JSONField()),
                ('errors', models.JSONField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent again'), ('dismissed', 'Let go')], default='waiting', max_length=9)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='RememberedMapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('layout', models.CharField(max_length=40)),
                ('header', models.CharField(max_length=64)),
                ('source', models.CharField(blank=True, max_length=60)),
                ('reading', models.JSONField(default=dict)),
                ('mapping', models.JSONField(default=dict)),
                ('used_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='SourceAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=60)),
                ('kind', models.CharField(max_length=30)),
                ('on_date', models.DateField()),
                ('what', models.CharField(choices=[('silent', 'Silent'), ('few', 'Fewer rows than usual'), ('many', 'More rows than usual'), ('missing', 'More missing values than usual')], max_length=7)),
                ('field', models.CharField(blank=True, max_length=60)),
                ('value', models.FloatField()),
                ('usual_low', models.FloatField()),
                ('usual_high', models.FloatField()),
                ('raised_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='SourceDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=60)),
                ('kind', models.CharField(max_length=30)),
                ('on_date', models.DateField()),
                ('rows', models.BigIntegerField()),
                ('missing', models.JSONField(default=dict)),
                ('last_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='TrackedSite',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=crm.models.fields.UuidV7(), editable=False, unique=True)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('origins', models.JSONField(default=list, verbose_name='origins')),
                ('is_enabled', models.BooleanField(default=True, verbose_name='on')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='Visitor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('joined', models.CharField(blank=True, choices=[('sign_in', 'Sign-in'), ('link', 'Tracked link'), ('form', 'Form'), ('api', 'API')], max_length=7)),
                ('joined_at', models.DateTimeField(null=True)),
                ('first_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('is_bot', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='WebSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('events', models.PositiveIntegerField()),
                ('source', models.CharField(blank=True, max_length=60)),
                ('medium', models.CharField(blank=True, max_length=60)),
                ('campaign_code', models.CharField(blank=True, max_length=60)),
                ('landing_path', models.CharField(blank=True, max_length=200)),
                ('is_bot', models.BooleanField(default=False)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='account',
            name='delete_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='account',
            name='update_update',
        ),
        migrations.RemoveConstraint(
            model_name='import',
            name='one_import_per_file',
        ),
        migrations.AddField(
            model_name='account',
            name='email',
            field=models.EmailField(blank=True, db_default='', default='', max_length=254, verbose_name='e-mail'),
        ),
        migrations.AddField(
            model_name='account',
            name='phone',
            field=models.CharField(blank=True, db_default='', default='', max_length=40, verbose_name='phone'),
        ),
        migrations.AddField(
            model_name='account',
            name='tax_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=40, verbose_name='tax number'),
        ),
        migrations.AddField(
            model_name='account',
            name='website',
            field=models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='website'),
        ),
        migrations.AddField(
            model_name='accountevent',
            name='email',
            field=models.EmailField(blank=True, db_default='', default='', max_length=254, verbose_name='e-mail'),
        ),
        migrations.AddField(
            model_name='accountevent',
            name='phone',
            field=models.CharField(blank=True, db_default='', default='', max_length=40, verbose_name='phone'),
        ),
        migrations.AddField(
            model_name='accountevent',
            name='tax_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=40, verbose_name='tax number'),
        ),
        migrations.AddField(
            model_name='accountevent',
            name='website',
            field=models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='website'),
        ),
        migrations.AddField(
            model_name='event',
            name='is_bot',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='event',
            name='page',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='import',
            name='created_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.AddField(
            model_name='import',
            name='format',
            field=models.CharField(blank=True, choices=[('csv', 'CSV'), ('ndjson', 'NDJSON'), ('xlsx', 'XLSX'), ('parquet', 'Parquet')], max_length=7),
        ),
        migrations.AddField(
            model_name='import',
            name='mapping',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='import',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='import',
            name='problem',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='import',
            name='reading',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='import',
            name='reads_once',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='import',
            name='size_bytes',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='import',
            name='source',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='import',
            name='stored_name',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='import',
            name='through_row',
            field=models.BigIntegerField(default=0),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "crm_accountevent" ("attributes", "book_id", "country", "currency", "customer_since", "email", "id", "industry", "kind", "name", "owner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "public_id", "revision", "stage", "tax_id", "team_id", "website") SELECT old_values."attributes", old_values."book_id", old_values."country", old_values."currency", old_values."customer_since", old_values."email", old_values."id", old_values."industry", old_values."kind", old_values."name", old_values."owner_id", _pgh_attached_context.value, NOW(), \'update\', old_values."id", old_values."phone", old_values."public_id", old_values."revision", old_values."stage", old_values."tax_id", old_values."team_id", old_values."website" FROM ( SELECT old_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."attributes" IS DISTINCT FROM (new_values."attributes") OR old_values."book_id" IS DISTINCT FROM (new_values."book_id") OR old_values."country" IS DISTINCT FROM (new_values."country") OR old_values."currency" IS DISTINCT FROM (new_values."currency") OR old_values."customer_since" IS DISTINCT FROM (new_values."customer_since") OR old_values."email" IS DISTINCT FROM (new_values."email") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."industry" IS DISTINCT FROM (new_values."industry") OR old_values."kind" IS DISTINCT FROM (new_values."kind") OR old_values."name" IS DISTINCT FROM (new_values."name") OR old_values."owner_id" IS DISTINCT FROM (new_values."owner_id") OR old_values."phone" IS DISTINCT FROM (new_values."phone") OR old_values."public_id" IS DISTINCT FROM (new_values."public_id") OR old_values."revision" IS DISTINCT FROM (new_values."revision") OR old_values."stage" IS DISTINCT FROM (new_values."stage") OR old_values."tax_id" IS DISTINCT FROM (new_values."tax_id") OR old_values."team_id" IS DISTINCT FROM (new_values."team_id") OR old_values."website" IS DISTINCT FROM (new_values."website")) ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='a21468e3b7df3bfc49df33330845cb63c45e8a9f', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_update_update_01161', referencing='REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ', table='crm_account', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "crm_accountevent" ("attributes", "book_id", "country", "currency", "customer_since", "email", "id", "industry", "kind", "name", "owner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "public_id", "revision", "stage", "tax_id", "team_id", "website") SELECT old_values."attributes", old_values."book_id", old_values."country", old_values."currency", old_values."customer_since", old_values."email", old_values."id", old_values."industry", old_values."kind", old_values."name", old_values."owner_id", _pgh_attached_context.value, NOW(), \'delete\', old_values."id", old_values."phone", old_values."public_id", old_values."revision", old_values."stage", old_values."tax_id", old_values."team_id", old_values."website" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;', hash='9a65e7f6cde55c000aad3b70a3a716127e955018', level='STATEMENT', operation='DELETE', pgid='pgtrigger_delete_delete_89bba', referencing='REFERENCING OLD TABLE AS old_values ', table='crm_account', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.UniqueConstraint(condition=models.Q(('reads_once', True), models.Q(('state__in', ['cancelled', 'undone', 'failed']), _negated=True)), fields=('book', 'layout', 'sha256'), name='one_import_per_file'),
        ),
        migrations.AddField(
            model_name='changeset',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='crm.job'),
        ),
        migrations.AddField(
            model_name='changeset',
            name='owner',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='changeset',
            name='source_import',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='change_set', to='crm.import'),
        ),
        migrations.AddField(
            model_name='changedrows',
            name='change_set',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='crm.changeset'),
        ),
        migrations.AddField(
            model_name='datafeed',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crm.book'),
        ),
        migrations.AddField(
            model_name='datafeedfile',
            name='feed',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='crm.datafeed'),
        ),
        migrations.AddField(
            model_name='datafeedfile',
            name='source_import',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='crm.import'),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='first',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.account'),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='second',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.account'),
        ),
        migrations.AddConstraint(
            model_name='eventretention',
            constraint=models.CheckConstraint(condition=models.Q(('days__gte', 1)), name='retention_is_at_least_a_day'),
        ),
        migrations.AddField(
            model_name='matchkey',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.account'),
        ),
        migrations.AddField(
            model_name='mergedaccount',
            name='change_set',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.changeset'),
        ),
        migrations.AddField(
            model_name='mergedaccount',
            name='survivor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.account'),
        ),
        migrations.AddField(
            model_name='qualitycount',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.book'),
        ),
        migrations.AddConstraint(
            model_name='qualityrule',
            constraint=models.UniqueConstraint(fields=('table', 'code'), name='one_setting_per_rule'),
        ),
        migrations.AddField(
            model_name='quarantinedrow',
            name='sent_in',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='crm.import'),
        ),
        migrations.AddField(
            model_name='quarantinedrow',
            name='source_import',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quarantined', to='crm.import'),
        ),
        migrations.AddConstraint(
            model_name='rememberedmapping',
            constraint=models.UniqueConstraint(fields=('layout', 'header'), name='one_mapping_per_header'),
        ),
        migrations.AddField(
            model_name='sourcealert',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.book'),
        ),
        migrations.AddField(
            model_name='sourceday',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.book'),
        ),
        migrations.AddField(
            model_name='trackedsite',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crm.book'),
        ),
        migrations.AddField(
            model_name='visitor',
            name='account',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='crm.account'),
        ),
        migrations.AddField(
            model_name='visitor',
            name='contact',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='crm.contact'),
        ),
        migrations.AddField(
            model_name='visitor',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.trackedsite'),
        ),
        migrations.AddField(
            model_name='websession',
            name='visitor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='crm.visitor'),
        ),
        migrations.AddIndex(
            model_name='changeset',
            index=models.Index(models.F('kind'), models.OrderBy(models.F('made_at'), descending=True), name='change_sets_by_kind'),
        ),
        migrations.AddConstraint(
            model_name='changeset',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['import', 'bulk_edit', 'merge'])), name='change_set_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='changeset',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'undoing', 'undone'])), name='change_set_state_is_known'),
        ),
        migrations.AddIndex(
            model_name='changedrows',
            index=models.Index(models.F('change_set'), models.F('id'), name='steps_of_change_set'),
        ),
        migrations.AddConstraint(
            model_name='datafeed',
            constraint=models.CheckConstraint(condition=models.Q(('every_minutes__gte', 1)), name='feed_has_a_cadence'),
        ),
        migrations.AddConstraint(
            model_name='datafeed',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'stopped'])), name='feed_state_is_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='datafeed',
            trigger=pgtrigger.compiler.Trigger(name='stamp', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        NEW.created_at := OLD.created_at;\n        NEW.updated_at := now();\n        NEW.revision := OLD.revision + 1;\n        NEW.changed_xid := pg_current_xact_id();\n        RETURN NEW;\n    ', hash='8e920f1689c4eaa00efe3fbf453ac59fab065452', operation='UPDATE', pgid='pgtrigger_stamp_f5651', table='crm_datafeed', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='datafeedfile',
            constraint=models.UniqueConstraint(fields=('feed', 'sha256'), name='feed_file_fetched_once'),
        ),
        migrations.AddIndex(
            model_name='duplicatepair',
            index=models.Index(models.F('state'), models.OrderBy(models.F('score'), descending=True), models.F('id'), name='pairs_by_score'),
        ),
        migrations.AddConstraint(
            model_name='duplicatepair',
            constraint=models.UniqueConstraint(fields=('first', 'second'), name='pair_proposed_once'),
        ),
        migrations.AddConstraint(
            model_name='duplicatepair',
            constraint=models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='pair_is_in_the_order_of_ids'),
        ),
        migrations.AddConstraint(
            model_name='duplicatepair',
            constraint=models.CheckConstraint(condition=models.Q(('score__gte', 0), ('score__lte', 1)), name='pair_score_is_a_share'),
        ),
        migrations.AddIndex(
            model_name='matchkey',
            index=models.Index(models.F('kind'), models.F('key'), models.F('account'), name='match_key'),
        ),
        migrations.AddConstraint(
            model_name='matchkey',
            constraint=models.UniqueConstraint(fields=('account', 'kind', 'key'), name='match_key_of_account'),
        ),
        migrations.AddConstraint(
            model_name='qualitycount',
            constraint=models.UniqueConstraint(fields=('book', 'table', 'code', 'on_date'), name='one_count_per_day'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedrow',
            constraint=models.UniqueConstraint(fields=('source_import', 'row_number'), name='row_quarantined_once'),
        ),
        migrations.AddConstraint(
            model_name='sourcealert',
            constraint=models.UniqueConstraint(fields=('book', 'source', 'kind', 'on_date', 'what', 'field'), name='habit_broken_once_a_day'),
        ),
        migrations.AddConstraint(
            model_name='sourceday',
            constraint=models.UniqueConstraint(fields=('book', 'source', 'kind', 'on_date'), name='one_row_per_source_and_day'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(models.F('account'), name='visitor_of_account'),
        ),
        migrations.AddConstraint(
            model_name='visitor',
            constraint=models.UniqueConstraint(fields=('key',), name='one_visitor_per_key'),
        ),
        migrations.AddConstraint(
            model_name='websession',
            constraint=models.UniqueConstraint(fields=('visitor', 'started_at'), name='session_begins_once'),
        ),
        migrations.AddConstraint(
            model_name='websession',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at__gte', models.F('started_at'))), name='session_runs_forward'),
        ),
        # Past versions are copied whole, so their table has the fact's columns in the fact's order.
        migrations.RunSQL(
            """ALTER TABLE crm_event_past ADD COLUMN is_bot boolean NOT NULL DEFAULT false,
                   ADD COLUMN page varchar(200) NOT NULL DEFAULT ''""",
            "ALTER TABLE crm_event_past DROP COLUMN is_bot, DROP COLUMN page",
        ),
    ]
