from django.urls import URLPattern, path

from analytics.views import evaluations, model_life, models

app_name = "analytics"
urlpatterns: list[URLPattern] = [
    path("insights/evaluate/", evaluations.evaluation_list, name="evaluation-list"),
    path("insights/evaluate/new/", evaluations.evaluation_create, name="evaluation-create"),
    path("insights/evaluate/<uuid:public_id>/", evaluations.evaluation_detail, name="evaluation-detail"),
    path("insights/evaluate/<uuid:public_id>/run/", evaluations.evaluation_run, name="evaluation-run"),
    path(
        "insights/evaluate/<uuid:public_id>/<slug:what>/", evaluations.evaluation_file, name="evaluation-file"
    ),
    path("insights/models/", models.model_list, name="model-list"),
    path("insights/models/<uuid:public_id>/", models.model_detail, name="model-detail"),
    path("insights/models/<uuid:public_id>/drivers/", models.model_drivers, name="model-drivers"),
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
