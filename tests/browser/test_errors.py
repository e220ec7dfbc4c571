"""What people meet when something goes wrong: as accessible as every other page."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import expect

from tests.browser.accessibility import check_looks, findings
from tests.world import PASSWORD

pytestmark = pytest.mark.browser

TOO_MANY_FIELDS = "&" * settings.DATA_UPLOAD_MAX_NUMBER_FIELDS  # one more than that


@pytest.mark.parametrize(
    ("status", "address", "who"),
    [
        (400, f"/accounts/?{TOO_MANY_FIELDS}", "sales"),
        (403, "/audit/", "sales"),
        (404, "/nothing-here/", "sales"),
        (404, "/nothing-here/", ""),
        (405, "/accounts/assign/", "sales"),
    ],
)
def test_refusals_are_accessible(visit, status, address, who):
    visitor = visit(who)
    visitor.forgive(f"status of {status}")

    def go():
        assert visitor.go(address).status == status
        expect(visitor.page.locator(".error-page__code")).to_have_text(str(status))

    check_looks(visitor, f"{status} for {who or 'nobody'}", go)


@contextmanager
def without_table(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {name}_away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {name}_away RENAME TO {name}")


def test_a_failure_of_ours_is_accessible(visit):
    visitor = visit("administrator")
    visitor.forgive("status of 500")

    def go():
        with without_table("crm_bin"):
            assert visitor.go("/bin/").status == 500
        expect(visitor.page.locator(".error-page__code")).to_have_text("500")

    check_looks(visitor, "500", go)
    assert visitor.go("/bin/").status == 200


def test_too_many_attempts_are_told_accessibly(visit):
    visitor = visit()
    visitor.forgive("status of 429")

    def go():
        for _attempt in range(10):
            visitor.go("/accounts/password/reset/")
            visitor.page.locator("input[type=email]").fill("stranger@example.com")
            visitor.page.locator("main form button:not([name])").first.click()
            visitor.page.wait_for_load_state()
            if visitor.page.locator(".error-page__code").count():
                break
        expect(visitor.page.locator(".error-page__code")).to_have_text("429")

    check_looks(visitor, "429", go)


def give_the_password(visitor, user):
    visitor.go("/accounts/login/")
    visitor.page.locator("[name=login]").fill(user.username)
    visitor.page.locator("[name=password]").fill(PASSWORD)
    visitor.page.locator("main form button:not([name])").first.click()
    expect(visitor.page.locator("[name=code]")).to_be_visible()


def test_the_second_step_of_signing_in_is_accessible(world, visit):
    visitor = visit()
    give_the_password(visitor, world.people["careful"])
    second_step = visitor.page.url.removeprefix(visitor.site)

    check_looks(visitor, "second step", lambda: visitor.go(second_step))
    expect(visitor.page.locator("[name=code]")).to_be_visible()


def test_a_wrong_code_is_told_accessibly(world, visit):
    visitor = visit()
    give_the_password(visitor, world.people["careful"])

    visitor.page.locator("[name=code]").fill("000000")
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()

    expect(visitor.page.get_by_label("Code")).to_have_accessible_description("Incorrect code.")
    assert findings(visitor.page) == []
