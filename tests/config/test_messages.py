"""Translations are compiled: machines that only run the product have no gettext."""

import gettext
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.embedded import REPOSITORY

APPS = ["config", "crm", "campaigns", "analytics"]
SOURCES = [source for app in APPS for source in sorted((REPOSITORY / app).rglob("*.po"))]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(REPOSITORY)))
def test_the_compiled_messages_are_those_of_the_source(source: Path, tmp_path):
    if not shutil.which("msgfmt") and not os.environ.get("CI"):
        pytest.skip("needs gettext's msgfmt (apt install gettext)")
    fresh = tmp_path / "fresh.mo"

    subprocess.run(["msgfmt", "--check-format", "-o", fresh, source], check=True)

    assert catalogue(source.with_suffix(".mo")) == catalogue(fresh), "run `make messages`"


def catalogue(compiled: Path) -> dict[str, str]:
    with compiled.open("rb") as file:
        translations: dict[str, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined] # the only way to list them
    return {key: text for key, text in translations.items() if key}
