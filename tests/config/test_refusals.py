"""What somebody meets who sends a form too late, or opens an address that only takes forms."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

FORM = "/accounts/assign/"


def next_of(response) -> str:
    address = urlsplit(str(response.url))
    assert address.path == reverse("account_login")
    return parse_qs(address.query)["next"][0]


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://testserver/accounts/?q=amber&sort=name", "/accounts/?q=amber&sort=name"),
        ("http://testserver", "/"),
        ("https://evil.example.com/accounts/", "/"),
        ("http://testserver.evil.example.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_a_form_sent_after_the_session_leads_back_to_its_page(referer, page):
    response = Client().post(FORM, {"query": ""}, headers={"Referer": referer})

    assert next_of(response) == page


def test_who_sent_a_form_after_the_session_learns_that_it_is_lost():
    client = Client()

    sign_in = client.post(FORM, {"query": ""}, follow=True)

    assert "What you sent last has not been saved." in sign_in.text
    assert "has not been saved" not in client.get("/accounts/", follow=True).text


def test_a_page_asked_for_after_the_session_is_the_one_that_is_shown():
    response = Client().get("/accounts/?q=amber", headers={"Referer": "http://testserver/tickets/"})

    assert next_of(response) == "/accounts/?q=amber"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_part_of_a_page_gets_no_sign_in_page_after_the_session(method):
    response = getattr(Client(), method)("/accounts/", headers={"HX-Request": "true"})

    assert response.status_code == 401
    assert response.content == b""


def test_an_address_that_only_takes_forms_says_so(sales_client):
    response = sales_client.get(FORM)

    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert int(response["Content-Length"]) == len(response.content)
    assert "This address is no page" in response.text


def test_it_says_so_to_strangers_too(client):
    response = client.get(reverse("crm:collector-receive"))

    assert response.status_code == 405
    assert set(response["Allow"].split(", ")) == {"POST", "OPTIONS"}
    assert "This address is no page" in response.text


def test_the_api_keeps_its_own_words(partner_key):
    response = Client(headers=partner_key.headers).delete("/api/v1/accounts/")

    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"
