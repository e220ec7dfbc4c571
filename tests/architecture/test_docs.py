"""What the documents say can be done: commands, links, variables and addresses exist."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"\bmake ([a-z][a-z-]+)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
ADDRESS = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE|127\.0\.0\.1:8000|crm\.example\.com)\s?(/[\w/{}.-]*)")
FOR_TESTS = {"SEXTANT_TESTING", "TEST_DATABASE_NAME"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_links_lead_somewhere(document):
    text = CODE.sub("", document.read_text(encoding="utf-8"))
    targets = [
        target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")
    ]

    missing = [target for target in targets if not (document.parent / target.partition("#")[0]).exists()]

    assert missing == []


@each_document
def test_anchors_are_headings(document):
    text = CODE.sub("", document.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        name, mark, anchor = target.partition("#")
        if mark and "://" not in name:
            headings = anchors((document.parent / name).read_text("utf-8") if name else text)
            assert anchor in headings, target


@each_document
def test_make_commands_are_targets(document):
    code = "\n".join(CODE.findall(document.read_text(encoding="utf-8")))

    assert set(MAKE.findall(code)) - make_targets() == set()


@each_document
def test_addresses_answer(document):
    code = "\n".join(CODE.findall(document.read_text(encoding="utf-8")))

    # What is written about the partner API leaves its beginning out.
    missing = [
        address
        for address in ADDRESS.findall(code)
        if not leads_to_a_view(address) and not leads_to_a_view(f"/api/v1{address}")
    ]

    assert missing == []


def test_every_variable_is_in_the_operator_guide():
    guide = (ROOT / "docs" / "operator-guide.md").read_text(encoding="utf-8")

    assert {name for name in variables() - FOR_TESTS if f"`{name}`" not in guide} == set()


def test_the_changelog_speaks_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(rf"^## {re.escape(version)}\b.*?\n(.*?)(?=^## |\Z)", changes, re.DOTALL | re.MULTILINE)

    assert entry is not None
    assert re.search("^- ", entry[1], re.MULTILINE)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def leads_to_a_view(address: str) -> bool:
    path = re.sub(r"\{[^}]*\}", "0" * 8 + "-0000-7000-8000-" + "0" * 12, address)
    try:
        match = resolve(path)
    except Resolver404:
        return False
    return match.func.__name__ != "UnknownView"


def variables() -> set[str]:
    """Return the names that the settings read from the environment."""
    source = ast.parse((ROOT / "config" / "settings.py").read_text(encoding="utf-8"))
    return {
        node.args[0].value
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
