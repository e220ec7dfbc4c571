"""The words of the sign-in page: ours, in the reader's language, and each link once."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_one_link_leads_to_a_new_password(client):
    page = client.get(reverse("account_login")).text

    assert page.count(f'href="{reverse("account_reset_password")}"') == 1


def test_the_placeholder_mixes_no_languages(client):
    page = client.get(reverse("account_login"), headers={"Accept-Language": "zh-Hans"}).text

    assert 'placeholder="用户名或电子邮件"' in page
    assert "或email" not in page
