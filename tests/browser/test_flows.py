"""What each role comes for, done with mouse and keyboard."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from crm.models import Account, ChangeSet
from crm.services.undo import undo
from tests import factories
from tests.world import ROLES

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(world) -> Account:
    """An account of the salesperson, for one test alone."""
    name = f"Flow shop {Account.objects.count()}"
    return factories.AccountFactory(book=world.book, name=name, owner=world.people["sales"], team=world.team)


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_of_the_navigation_opens(visit, role):
    visitor = visit(role)
    visitor.go("/")
    entries = visitor.page.locator("nav.shell__nav a")
    addresses = [entry.get_attribute("href") for entry in entries.all()]

    answers = {address: visitor.go(address).status for address in addresses}

    assert len(answers) >= 3
    assert {address: status for address, status in answers.items() if status != 200} == {}


def test_an_analyst_finds_the_riskiest_account_why_and_what_to_offer(world, visit):
    visitor = visit("analyst")
    page = visitor.page

    visitor.go("/accounts/")
    page.get_by_role("link", name="Churn risk", exact=True).click()
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("Harbour Gifts")
    expect(first).to_contain_text("62")
    first.get_by_role("link", name="Harbour Gifts").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Gifts")
    page.get_by_role("link", name="Scores", exact=True).click()
    main = page.locator("main")
    expect(main).to_contain_text("No order for 94 days, usually one every 31 days")
    expect(main).to_contain_text("412 comparable accounts")
    expect(main).to_contain_text("Often bought with Paper lantern")


def test_sales_finds_who_buys_alike_and_what_goes_with_it(world, visit):
    visitor = visit("sales")
    page = visitor.page

    visitor.go(world.account.get_absolute_url())
    page.get_by_text("Who buys alike").scroll_into_view_if_needed()
    panel = page.locator("section", has=page.get_by_role("heading", name="Similar accounts"))
    expect(panel).to_contain_text("3 products in common")
    expect(panel.get_by_role("link", name="Damson Interiors")).to_be_visible()
    panel.get_by_role("link", name="Paper lantern").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Paper lantern")
    expect(page.get_by_role("region", name="Bought together")).to_contain_text("8 of 12")
    page.get_by_role("link", name="Damson Interiors").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Damson Interiors")


def test_a_call_is_logged_with_the_keyboard(shop, visit):
    visitor = visit("sales")
    page = visitor.page

    visitor.go(shop.get_absolute_url())
    page.get_by_role("link", name="Log activity").click()
    page.get_by_label("Text", exact=True).fill("They want the blue one.")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".timeline")).to_contain_text("They want the blue one.")
    assert shop.activities.get().kind == "call"


def test_a_task_is_made_and_ticked_off(shop, visit):
    visitor = visit("sales")
    page = visitor.page

    visitor.go(f"{shop.get_absolute_url()}?compose=task")
    page.get_by_label("What is to be done").fill("Send the price list")
    page.get_by_role("button", name="Add task").click()
    tasks = page.locator("#tasks")
    expect(tasks).to_contain_text("Send the price list")

    tasks.get_by_role("button", name="Done").click()
    expect(page.locator("#tasks")).not_to_contain_text("Send the price list")
    assert shop.tasks.get().done_at is not None


def test_a_field_is_edited_in_place(shop, visit):
    visitor = visit("sales")
    page = visitor.page

    visitor.go(shop.get_absolute_url())
    field = page.locator("#field-industry")
    field.hover()
    field.get_by_role("link").click()
    field.get_by_role("textbox").fill("Toys")
    page.keyboard.press("Enter")

    expect(field).to_contain_text("Toys")
    expect(field.get_by_role("textbox")).to_have_count(0)
    shop.refresh_from_db()
    assert shop.industry == "Toys"


def test_an_edit_that_crosses_another_shows_both_values(shop, visit):
    visitor = visit("sales")
    page = visitor.page
    visitor.go(shop.get_absolute_url())
    field = page.locator("#field-industry")
    field.hover()
    field.get_by_role("link").click()
    expect(field.get_by_role("textbox")).to_be_visible()  # with the revision that it was opened at
    Account.objects.filter(pk=shop.pk).update(industry="Books")

    field.get_by_role("textbox").fill("Toys")
    page.keyboard.press("Enter")

    expect(field.get_by_role("alert")).to_contain_text("It says “Books”, you wrote “Toys”")
    field.get_by_role("button", name="Overwrite").click()
    expect(field.get_by_role("textbox")).to_have_count(0)
    shop.refresh_from_db()
    assert shop.industry == "Toys"


def test_filters_are_kept_as_a_view(visit):
    visitor = visit("sales")
    page = visitor.page

    visitor.go("/accounts/?country=FR")
    page.locator("summary", has_text="Save as").click()
    page.get_by_label("Name of the view").fill("French shops")
    page.get_by_role("button", name="Save view").click()

    tab = page.get_by_role("link", name="French shops")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.locator("tbody")).not_to_contain_text("United Kingdom")


def test_a_ticket_is_solved_and_opened_again(world, shop, visit):
    ticket = factories.TicketFactory(account=shop, subject="Late parcel")
    visitor = visit("support")
    page = visitor.page

    visitor.go("/tickets/")
    page.get_by_role("link", name="Late parcel").click()
    page.get_by_role("button", name="Solve").click()
    expect(page.get_by_role("button", name="Open again")).to_be_visible()
    ticket.refresh_from_db()
    assert ticket.state == "solved"

    page.get_by_role("button", name="Open again").click()
    expect(page.get_by_role("button", name="Solve")).to_be_visible()


def test_marketing_reads_what_a_campaign_changed(world, visit):
    visitor = visit("marketing")
    page = visitor.page

    visitor.go("/campaigns/")
    page.get_by_role("link", name=world.campaign.name).click()

    main = page.locator("main")
    expect(page.get_by_role("heading", level=1)).to_contain_text(world.campaign.name)
    expect(main).to_contain_text("Lift over the holdout")
    expect(main).to_contain_text("Predicted against actual response")
    expect(main).to_contain_text("This campaign is simulated")


def test_a_key_made_on_the_page_reads_the_partners_accounts_and_no_others(world, shop, visit):
    partner = factories.PartnerFactory(name=f"Key partner {shop.pk}", book=world.book)
    factories.PartnerAccountFactory(partner=partner, account=shop)
    visitor = visit("partner_manager")
    page = visitor.page

    visitor.go(f"/partners/{partner.public_id}/")
    page.get_by_role("link", name="New key").first.click()
    page.get_by_label("Label").fill("web shop, test")
    page.get_by_label("Read its accounts, with scores and recommendations").check()
    page.get_by_role("button", name="Make the key").click()
    token = page.get_by_label("Send it with every request").input_value()

    request = urllib.request.Request(
        f"{visitor.site}/api/v1/accounts/", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        names = [account["name"] for account in json.load(answer)["data"]]
    assert names == [shop.name]


def test_an_administrator_looks_after_jobs_files_and_edits(world, shop, visit):
    visitor = visit("administrator")
    page = visitor.page

    visitor.go(f"/jobs/{world.jobs['failed'].public_id}/")
    expect(page.locator("main")).to_contain_text("Its worker vanished each time it was tried.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()

    visitor.go("/")
    page.locator("nav.shell__nav").get_by_role("link", name="Data").click()
    expect(page.locator("main")).to_contain_text("No customer")

    visitor.go(f"{shop.get_absolute_url()}edit/")
    page.get_by_label("Industry").fill("Garden")
    page.get_by_role("button", name="Save").click()
    visitor.go("/audit/")
    expect(page.locator("tbody tr").first).to_contain_text("Garden")


def test_everything_that_matches_can_be_chosen_while_the_whole_page_is(world, visit):
    visitor = visit("administrator")
    page = visitor.page
    visitor.go("/accounts/?q=corner")
    everything = page.get_by_label("Select all 60 that match")

    expect(everything).to_be_hidden()
    page.get_by_label("Select all on this page").check()
    everything.check()
    page.locator("tbody input[name=ids]").first.uncheck()
    expect(everything).to_be_hidden()
    expect(everything).not_to_be_checked()

    page.get_by_label("Select all on this page").check()
    everything.check()
    page.get_by_label("New owner").select_option(label=str(world.people["support"]))
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("60 accounts now belong to")).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("60 accounts assigned to Support Person")
    undo(change_set=ChangeSet.objects.latest("pk"))


def test_a_list_is_walked_from_account_to_account(visit):
    visitor = visit("administrator")
    page = visitor.page
    visitor.go("/accounts/?q=corner&sort=-name")
    page.get_by_role("link", name="Corner shop 058").click()

    page.get_by_role("link", name="Next: Corner shop 057").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Corner shop 057")
    page.get_by_role("link", name="Previous: Corner shop 058").click()
    page.get_by_role("link", name="Scores").first.click()
    expect(page.get_by_role("link", name="Previous: Corner shop 059")).to_be_visible()
    page.get_by_role("link", name="Accounts").last.click()
    expect(page).to_have_url(f"{visitor.site}/accounts/?q=corner&sort=-name")
