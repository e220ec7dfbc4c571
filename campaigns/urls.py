from django.urls import URLPattern, path

app_name = "campaigns"
urlpatterns: list[URLPattern] = []
