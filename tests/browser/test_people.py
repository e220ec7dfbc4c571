"""An administrator makes somebody, who comes in by the link and nothing else."""

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import findings

pytestmark = pytest.mark.browser
PASSWORD = "amber-heron-4711"


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_new_person_chooses_a_password_and_is_in(visit, javascript):
    administrator, newcomer = (visit(who, javascript=javascript) for who in ("administrator", ""))
    page, theirs, name = administrator.page, newcomer.page, f"newcomer-{javascript}".lower()

    administrator.go("/")
    page.locator("summary", has_text="Administrator").click()
    page.get_by_role("link", name="People and teams").click()
    page.get_by_role("link", name="New person").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Role").select_option("Analyst")
    page.get_by_role("button", name="Make the person").click()
    link = page.get_by_label("Opens once").input_value()
    if javascript:
        assert findings(page) == []

    theirs.goto(link)
    theirs.get_by_label("New password", exact=True).fill(PASSWORD)
    theirs.get_by_label("New password again").fill(PASSWORD)
    theirs.get_by_role("button", name="Save password").click()
    theirs.get_by_role("link", name="Sign in").click()
    theirs.get_by_label("User name or e-mail").fill(name)
    theirs.get_by_label("Password").fill(PASSWORD)
    theirs.get_by_role("button", name="Sign in").click()

    expect(theirs).to_have_url(f"{newcomer.site}/")
    expect(theirs.locator("nav.shell__nav")).to_contain_text("Insights")

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_label("May sign in").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Switched off")
    theirs.reload()
    expect(theirs).to_have_url(f"{newcomer.site}/accounts/login/?next=/")
