"""Requests that no page can make sense of."""

import pytest

from config.requests import FORM

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/partners/?q=%00",
        "/products/?q=a%00b",
        "/products/?category=%00",
        "/data-quality/?book=%00",
        "/?%00=%00",
    ],
)
def test_a_nul_in_the_query_string_is_refused(admin_client_, address):
    assert admin_client_.get(address).status_code == 400


def test_a_nul_in_a_form_is_refused_and_nothing_else(admin_client_):
    refused = admin_client_.post("/views/new/", "name=a%00", content_type=FORM)

    assert refused.status_code == 400
    assert admin_client_.get("/partners/?q=%E4%B8%AD").status_code == 200
