"""The catalogue says everything that the product says, in every language it offers."""

import os
import re
import shutil
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils.translation import to_locale

from tests.catalogue import Message, placeholders, read_catalogue

ROOT = Path(__file__).resolve().parents[2]
TRANSLATED = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
SPOKEN = ("config", "crm", "campaigns", "analytics", "templates")
NAMES = {"Recall@10", "Sextant"}  # the same in every language


def source_of(language: str) -> Path:
    return ROOT / "config" / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"


@pytest.fixture(params=TRANSLATED)
def catalogue(request) -> list[Message]:
    return read_catalogue(source_of(request.param))


def test_every_message_is_translated(catalogue):
    missing = [entry.text for entry in catalogue if not entry.translations or not all(entry.translations)]

    assert missing == []


def test_no_translation_is_a_guess(catalogue):
    assert [entry.text for entry in catalogue if entry.is_fuzzy] == []


def test_translations_keep_the_placeholders(catalogue):
    changed = [
        (entry.text, text)
        for entry in catalogue
        for text in entry.translations
        if placeholders(text) != placeholders(entry.plural or entry.text)
    ]

    assert changed == []


def test_translations_are_in_their_own_language():
    left = [
        entry.text
        for entry in read_catalogue(source_of("zh-hans"))
        if re.search(r"[a-z]{3}", re.sub(r"%\(\w+\)s", "", entry.text)) and entry.text not in NAMES
        if not all(re.search("[\u4e00-\u9fff]", text) for text in entry.translations)
    ]

    assert left == []


def test_nothing_is_said_that_the_catalogue_does_not_know(tmp_path, monkeypatch, settings):
    if not shutil.which("xgettext") and not os.environ.get("CI"):
        pytest.skip("needs gettext's xgettext (apt install gettext)")
    copy_of_what_speaks(tmp_path)
    settings.LOCALE_PATHS = [str(tmp_path / "config" / "locale")]
    monkeypatch.chdir(tmp_path)

    call_command("makemessages", locale=[to_locale(TRANSLATED[0])], keep_pot=True, stdout=StringIO())

    said = {entry.key for entry in read_catalogue(tmp_path / "config" / "locale" / "django.pot")}
    for language in TRANSLATED:
        known = {entry.key for entry in read_catalogue(source_of(language))}
        assert said - known == set(), "run `make messages` and translate what is new"
        assert known - said == set(), "run `make messages`: nobody says this any more"


def copy_of_what_speaks(target: Path) -> None:
    for folder in SPOKEN:
        shutil.copytree(
            ROOT / folder,
            target / folder,
            ignore=shutil.ignore_patterns("static", "migrations", "__pycache__", "demo", "*.mo"),
        )
