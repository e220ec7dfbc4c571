"""Signing in as people do it, and the two switches that everybody finds there."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from playwright.sync_api import expect

from tests.world import PASSWORD

pytestmark = pytest.mark.browser


def sign_in(visitor, name, password):
    visitor.go("/accounts/login/")
    visitor.page.get_by_label("User name or e-mail").fill(name)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_a_wrong_password_is_refused_and_the_right_one_opens_the_home_page(world, visit):
    visitor = visit()
    analyst = world.people["analyst"]

    sign_in(visitor, analyst.username, "not this one")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    expect(visitor.page.get_by_label("Password")).to_have_value("")

    sign_in(visitor, analyst.email, PASSWORD)
    expect(visitor.page).to_have_url(f"{visitor.site}/")
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text(analyst.first_name)


def test_who_signs_in_comes_to_the_page_that_was_wanted(world, visit):
    visitor = visit()

    visitor.go("/jobs/")
    visitor.page.get_by_label("User name or e-mail").fill(world.people["analyst"].username)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()

    expect(visitor.page).to_have_url(f"{visitor.site}/jobs/")


def test_two_factors_ask_for_a_code(world, visit):
    visitor = visit()
    careful = world.people["careful"]
    codes = RecoveryCodes(Authenticator.objects.get(user=careful, type="recovery_codes"))

    sign_in(visitor, careful.username, PASSWORD)
    visitor.page.get_by_label("Code").fill(codes.get_unused_codes()[0])
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()

    expect(visitor.page).to_have_url(f"{visitor.site}/")


def test_after_the_session_what_is_clicked_or_sent_leads_to_the_sign_in_page(world, visit):
    visitor, account = visit("sales"), world.account
    page = f"/accounts/{account.public_id}/"
    visitor.forgive("401")
    visitor.go(page)
    visitor.page.get_by_role("link", name="Edit Website").click()
    box = visitor.page.get_by_role("textbox", name="Website")
    box.fill("https://new.example.com")
    visitor.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    box.press("Enter")

    expect(visitor.page).to_have_url(f"{visitor.site}/accounts/login/?next={page}")


def test_after_the_session_a_link_within_the_page_does_so_too(world, visit):
    visitor, account = visit("sales"), world.account
    visitor.forgive("401")
    visitor.go(f"/accounts/{account.public_id}/")
    visitor.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    visitor.page.get_by_role("link", name="Edit Website").click()

    expect(visitor.page).to_have_url(re.compile(r"/accounts/login/\?next=/accounts/"))


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_language_and_theme_are_switched_and_stay(visit, javascript):
    visitor = visit("sales", javascript=javascript)
    root = visitor.page.locator("html")

    visitor.go("/")
    visitor.page.locator("summary", has_text="Sales").click()
    visitor.page.get_by_role("button", name="简体中文").click()
    expect(root).to_have_attribute("lang", "zh-hans")

    visitor.page.locator("summary", has_text="Sales").click()
    visitor.page.get_by_role("button", name="深色").click()
    expect(root).to_have_attribute("data-theme", "dark")

    visitor.go("/accounts/")
    expect(root).to_have_attribute("lang", "zh-hans")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("客户")
