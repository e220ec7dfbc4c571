"""The rules of the design system that a browser would not complain about."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
STYLESHEETS = sorted((settings.BASE_DIR / "crm" / "static" / "sextant").glob("*.css"))
INLINE = re.compile(
    r"""\sstyle\s*=\s*["']|<style|\son[a-z]+\s*=\s*["']|\shx-on|javascript:|<script(?![^>]*\b(src|json))"""
)


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_templates_need_no_exception_from_the_content_security_policy(template):
    assert not INLINE.search(template.read_text())


@pytest.mark.parametrize("stylesheet", STYLESHEETS, ids=named)
def test_custom_properties_are_defined_only_among_the_tokens(stylesheet):
    defined = re.findall(r"^\s*(--[\w-]+)\s*:", stylesheet.read_text(), re.MULTILINE)

    assert bool(defined) == (stylesheet.name == "tokens.css")


def test_every_custom_property_that_is_used_exists():
    everything = "\n".join(stylesheet.read_text() for stylesheet in STYLESHEETS)
    defined = set(re.findall(r"^\s*(--[\w-]+)\s*:", everything, re.MULTILINE))

    assert set(re.findall(r"var\((--[\w-]+)", everything)) <= defined


@pytest.mark.parametrize("stylesheet", STYLESHEETS, ids=named)
def test_every_rule_lives_in_a_layer(stylesheet):
    text = re.sub(r"/\*.*?\*/", "", stylesheet.read_text(), flags=re.DOTALL)
    outside = re.sub(r"^@layer \w+ \{.*?^\}", "", text, flags=re.DOTALL | re.MULTILINE)

    assert re.sub(r"@layer [\w, ]+;", "", outside).strip() == ""


def test_every_stylesheet_is_linked():
    links = "\n".join(template.read_text() for template in TEMPLATES)

    assert [s.name for s in STYLESHEETS if f"sextant/{s.name}" not in links] == []


@pytest.mark.parametrize("page", ["400", "403", "403_csrf", "404", "429", "500"])
def test_error_pages_render_with_nothing_at_hand(page):
    html = render_to_string(f"{page}.html")

    assert "<h1>" in html
    assert 'data-theme="system"' in html


def test_scripts_import_nothing_by_a_name_that_hashing_changes():
    for script in (Path(__file__).parents[2] / "crm/static/sextant").glob("*.js"):
        assert "import " not in script.read_text(), script.name
