"""Every page opens, and every word on it is a message that can be translated."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db.models.fields import BLANK_CHOICE_DASH
from django.test import Client

from tests.catalogue import Message, read_catalogue, write_catalogue
from tests.signing_in import signed_in_client
from tests.site_map import NO_PAGES, PAGES, Page, routes
from tests.world import World, build_world, disguised

ROOT = Path(__file__).resolve().parents[2]
SPOKEN = ("config", "crm", "campaigns", "analytics", "templates")
SHOWN = {"title", "aria-label", "placeholder", "alt", "data-label", "data-confirm", "data-empty", "label"}
WITHOUT_WORDS = {"script", "style", "code", "kbd", "pre"}
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
# Names and codes that read the same in every language.
NAMES = re.compile(
    r"\bSextant\b|NT\$|\b(GBP|TWD|EUR|USD|CHF|CNY|JPY|UTC|SHA|CSV|API|TOTP)\b|[\w.+-]+@[\w.-]+\.\w+"
    r"|\b[a-z]+-[a-z_]+-\d+\b|\b[a-z]+:[a-z]+\b|\.parquet\b|\bscikit-learn\b|\b\d+(ms|s|k|M|px)\b"
    r"|(?<=[\u4e00-\u9fff])email\b"  # allauth's own Chinese
)
WORD = re.compile(r"[A-Za-z]{2,}")


def test_every_route_is_a_page_or_says_why_not():
    known = {page.route for page in PAGES} | set(NO_PAGES)

    assert set(routes()) - known == set()
    assert known - set(routes()) == set()
    assert {page.route for page in PAGES} & set(NO_PAGES) == set()


def test_every_page_opens(db):
    world = build_world()

    answers = {str(page): browser(world, page).get(page.address(world)) for page in PAGES}

    assert {name: one.status_code for name, one in answers.items() if one.status_code != 200} == {}
    assert [name for name, one in answers.items() if BLANK_CHOICE_DASH[0][1] in one.text] == []


def test_no_page_has_literal_text(db, pseudo_language):
    world = build_world(disguised)

    left = {str(page): literal_text(world, page) for page in PAGES}

    assert {name: texts for name, texts in left.items() if texts} == {}


def browser(world: World, page: Page) -> Client:
    if page.role:
        return signed_in_client(world.people[page.role])
    return Client(raise_request_exception=False)


def literal_text(world: World, page: Page) -> list[str]:
    client = browser(world, page)
    client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    reader = Reader()
    answer = client.get(page.address(world))
    assert answer.status_code == 200, page
    reader.feed(answer.text)
    return reader.literals()


@pytest.fixture
def pseudo_language(tmp_path, monkeypatch, settings):
    """Chinese, for once, is English in brackets: what stands outside them is no message."""
    if not shutil.which("xgettext") and not os.environ.get("CI"):
        pytest.skip("needs gettext (apt install gettext)")
    for folder in SPOKEN:
        ignored = shutil.ignore_patterns("static", "migrations", "__pycache__", "demo", "*.mo", "*.po")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    locale = tmp_path / "config" / "locale"
    (locale / "zh_Hans" / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
    settings.LOCALE_PATHS = [str(locale)]
    with monkeypatch.context() as there:
        there.chdir(tmp_path)
        call_command("makemessages", locale=["zh_Hans"], keep_pot=True, stdout=StringIO())
    source = locale / "zh_Hans" / "LC_MESSAGES" / "django.po"
    write_catalogue(source, [bracketed(entry) for entry in read_catalogue(locale / "django.pot")])
    subprocess.run(["msgfmt", "-o", source.with_suffix(".mo"), source], check=True)
    settings.LOCALE_PATHS = list(settings.LOCALE_PATHS)  # reads the catalogue again


def bracketed(entry: Message) -> Message:
    text = entry.plural or entry.text
    return Message(entry.text, entry.plural, entry.context, (f"⟦{text}⟧",))


class Reader(HTMLParser):
    """Collects what a page shows or reads aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []  # tag, and whether its text is in a language
        self.body = ""
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        silent = self.is_silent or tag in WITHOUT_WORDS or (tag != "html" and "lang" in given)
        if not silent:
            self.attributes += [text for name, text in given.items() if name in SHOWN]
            if tag == "input" and given.get("type") in {"submit", "button", "reset"}:
                self.attributes.append(given.get("value", ""))
        if tag not in EMPTY:
            self.open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.body += " " if self.is_silent else data

    @property
    def is_silent(self) -> bool:
        return bool(self.open) and self.open[-1][1]

    def literals(self) -> list[str]:
        lines = [line for text in (self.body, *self.attributes) for line in outside(text).splitlines()]
        return sorted({line.strip() for line in lines if WORD.search(NAMES.sub(" ", line))})


def outside(text: str) -> str:
    """Return what stands outside brackets, however deep they are nested."""
    depth, kept = 0, []
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        kept.append(character if depth == 0 and character != "⟧" else " " if character != "\n" else "\n")
    return "".join(kept)
