from django.urls import URLPattern, path

from crm.views import (
    account_detail,
    accounts,
    activities,
    audit,
    bin,
    export,
    home,
    jobs,
    orders,
    partner_keys,
    partners,
    quality,
    saved_views,
    tasks,
    theme,
    tickets,
)

app_name = "crm"
urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("accounts/", accounts.account_list, name="account-list"),
    path("accounts/assign/", accounts.account_assign, name="account-assign"),
    path("accounts/export/", export.account_export, name="account-export"),
    path("accounts/export/<uuid:public_id>/", export.account_export_file, name="account-export-file"),
    path("accounts/new/", account_detail.account_create, name="account-create"),
    path("accounts/<uuid:public_id>/", account_detail.account_detail, name="account-detail"),
    path("accounts/<uuid:public_id>/edit/", account_detail.account_edit, name="account-edit"),
    path(
        "accounts/<uuid:public_id>/fields/<slug:name>/", account_detail.account_field, name="account-field"
    ),
    path("accounts/<uuid:public_id>/delete/", account_detail.account_delete, name="account-delete"),
    path(
        "accounts/<uuid:public_id>/activities/new/", activities.activity_create, name="activity-create"
    ),
    path("accounts/<uuid:public_id>/contacts/new/", activities.contact_create, name="contact-create"),
    path("accounts/<uuid:public_id>/tickets/new/", tickets.ticket_create, name="ticket-create"),
    path("activities/<uuid:public_id>/pin/", activities.activity_pin, name="activity-pin"),
    path("audit/", audit.audit_log, name="audit-log"),
    path("bin/", bin.bin_list, name="bin-list"),
    path("bin/<uuid:public_id>/restore/", bin.bin_restore, name="bin-restore"),
    path("contacts/<uuid:public_id>/edit/", activities.contact_edit, name="contact-edit"),
    path("orders/<uuid:public_id>/", orders.order_detail, name="order-detail"),
    path("tasks/", tasks.task_list, name="task-list"),
    path("tasks/new/", tasks.task_create, name="task-create"),
    path("tasks/<uuid:public_id>/done/", tasks.task_done, name="task-done"),
    path("tickets/", tickets.ticket_list, name="ticket-list"),
    path("tickets/<uuid:public_id>/", tickets.ticket_detail, name="ticket-detail"),
    path("tickets/<uuid:public_id>/move/", tickets.ticket_move, name="ticket-move"),
    path("tickets/<uuid:public_id>/assign/", tickets.ticket_assign, name="ticket-assign"),
    path("views/new/", saved_views.saved_view_create, name="saved-view-create"),
    path("views/<uuid:public_id>/", saved_views.saved_view_change, name="saved-view-change"),
    path("data-quality/", quality.quality_list, name="data-quality"),
    path(
        "data-quality/<uuid:public_id>/<slug:code>/", quality.quality_rule, name="quality-rule"
    ),
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/indicator/", jobs.jobs_indicator, name="jobs-indicator"),
    path("jobs/<uuid:public_id>/", jobs.job_detail, name="job-detail"),
    path("jobs/<uuid:public_id>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("jobs/<uuid:public_id>/retry/", jobs.job_retry, name="job-retry"),
    path("partners/", partners.partner_list, name="partner-list"),
    path("partners/new/", partners.partner_create, name="partner-create"),
    path("partners/<uuid:public_id>/", partners.partner_detail, name="partner-detail"),
    path("partners/<uuid:public_id>/edit/", partners.partner_edit, name="partner-edit"),
    path(
        "partners/<uuid:public_id>/accounts/new/", partners.partner_link_create, name="partner-link-create"
    ),
    path(
        "partners/<uuid:public_id>/accounts/<uuid:link_id>/end/",
        partners.partner_link_end,
        name="partner-link-end",
    ),
    path(
        "partners/<uuid:public_id>/keys/new/", partner_keys.partner_key_create, name="partner-key-create"
    ),
    path(
        "partners/<uuid:public_id>/keys/<uuid:key_id>/revoke/",
        partner_keys.partner_key_revoke,
        name="partner-key-revoke",
    ),
    path("theme/", theme.theme_set, name="theme-set"),
]
