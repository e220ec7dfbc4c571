from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from config.health import healthz, readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("crm.urls")),
    path("", include("campaigns.urls")),
    path("", include("analytics.urls")),
    path("accounts/", include("allauth.urls")),
    # The sign-in page has a language switch too.
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("api/", include("config.api")),
]
handler500 = "config.api.handler500"
