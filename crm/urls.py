from django.urls import URLPattern, path

from crm.views import jobs, theme

app_name = "crm"
urlpatterns: list[URLPattern] = [
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/indicator/", jobs.jobs_indicator, name="jobs-indicator"),
    path("jobs/<uuid:public_id>/", jobs.job_detail, name="job-detail"),
    path("jobs/<uuid:public_id>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("jobs/<uuid:public_id>/retry/", jobs.job_retry, name="job-retry"),
    path("theme/", theme.theme_set, name="theme-set"),
]
