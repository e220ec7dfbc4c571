from django.urls import URLPattern, URLResolver, include, path

from benchmarks import floors

urlpatterns: list[URLPattern | URLResolver] = [
    path("floor/list/", floors.bare_list),
    path("floor/<uuid:public_id>/", floors.bare_detail),
    path("floor/api/", floors.BareApiList.as_view()),
    path("floor/api/<uuid:public_id>/", floors.BareApiDetail.as_view()),
    path("", include("config.urls")),
]
handler500 = "config.api.handler500"
