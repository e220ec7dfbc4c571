from django.urls import URLPattern, path

app_name = "crm"
urlpatterns: list[URLPattern] = []
