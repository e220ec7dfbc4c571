from django.urls import URLPattern, path

from analytics.views import model_life, models

app_name = "analytics"
urlpatterns: list[URLPattern] = [
    path("insights/models/", models.model_list, name="model-list"),
    path("insights/models/<uuid:public_id>/", models.model_detail, name="model-detail"),
    path("insights/models/<uuid:public_id>/promote/", models.model_promote, name="model-promote"),
    path("insights/models/<uuid:public_id>/roll-back/", models.model_roll_back, name="model-roll-back"),
    path("insights/models/<uuid:public_id>/shadow/", model_life.model_shadow, name="model-shadow"),
    path(
        "insights/models/<uuid:public_id>/recalibrate/",
        model_life.model_recalibrate,
        name="model-recalibrate",
    ),
    path("insights/models/<uuid:public_id>/policy/", model_life.model_policy, name="model-policy"),
]
