from django.urls import URLPattern, path

from crm.views import theme

app_name = "crm"
urlpatterns: list[URLPattern] = [
    path("theme/", theme.theme_set, name="theme-set"),
]
