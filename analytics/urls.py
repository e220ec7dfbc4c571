from django.urls import URLPattern, path

app_name = "analytics"
urlpatterns: list[URLPattern] = []
