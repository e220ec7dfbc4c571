from django.urls import URLPattern, path

from campaigns.views import campaigns

app_name = "campaigns"
urlpatterns: list[URLPattern] = [
    path("campaigns/", campaigns.campaign_list, name="campaign-list"),
    path("campaigns/<uuid:public_id>/", campaigns.campaign_detail, name="campaign-detail"),
    path(
        "campaigns/<uuid:public_id>/accounts/<slug:step>/",
        campaigns.campaign_accounts,
        name="campaign-accounts",
    ),
]
