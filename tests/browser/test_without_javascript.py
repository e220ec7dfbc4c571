"""The same site with scripts switched off: links and forms do the work."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(visit):
    return visit("sales", javascript=False)


def test_the_list_is_filtered_sorted_and_paged(plain):
    page = plain.page

    plain.go("/accounts/")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr").first).to_be_visible()

    plain.go("/accounts/")
    page.locator("select[name=country]").first.select_option("FR")
    page.get_by_role("button", name="Apply").first.click()
    expect(page).to_have_url(re.compile("country=FR"))
    page.get_by_role("link", name="Churn risk", exact=True).click()
    expect(page).to_have_url(re.compile("country=FR.*churn|churn.*country=FR"))
    expect(page.locator("tbody tr").first).to_contain_text("Corner shop")


def test_an_account_is_read_and_written_to(plain, world):
    page = plain.page
    shop = factories.AccountFactory(book=world.book, owner=world.people["sales"], name="Plain shop")

    plain.go(shop.get_absolute_url())
    page.get_by_label("Text", exact=True).fill("Written without a script.")
    page.get_by_role("button", name="Log").click()
    expect(page.locator(".timeline")).to_contain_text("Written without a script.")

    page.locator("#field-industry a").click()
    page.get_by_role("textbox", name="Industry").fill("Toys")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Toys")

    page.get_by_role("link", name="Tickets 0").first.click()
    expect(page.locator("main")).to_contain_text("No tickets")


def test_a_search_from_the_top_bar_finds(plain):
    page = plain.page

    plain.go("/")
    page.get_by_label("Search accounts").first.fill("harbour")
    page.keyboard.press("Enter")

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("Harbour Gifts")
