from django.urls import URLPattern, path

from analytics.views import models

app_name = "analytics"
urlpatterns: list[URLPattern] = [
    path("insights/models/", models.model_list, name="model-list"),
    path("insights/models/<uuid:public_id>/", models.model_detail, name="model-detail"),
    path("insights/models/<uuid:public_id>/promote/", models.model_promote, name="model-promote"),
    path("insights/models/<uuid:public_id>/roll-back/", models.model_roll_back, name="model-roll-back"),
]
