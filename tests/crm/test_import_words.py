"""Every code that an import can answer has words, and the words know where to put the data."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from crm.models import Import
from crm.pipelines.imports.check_file import VERDICTS as CHECKED
from crm.pipelines.imports.kinds import SPECS
from crm.pipelines.imports.kinds.spec import KindSql
from crm.selectors import import_page_words as words
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_reading_words import FILE_REASONS
from crm.selectors.import_words import REASONS, refusal_words

ROOT = settings.BASE_DIR
SOURCES = [
    *(ROOT / "crm" / "pipelines" / "imports").rglob("*.py"),
    ROOT / "campaigns" / "pipelines" / "imports.py",
]
# The demo books have rules of their own, with words in `rule_words`.
CODE_AT = {"CellError": 0, "Check": 0, "BadRow": 1, "FileRefusedError": 0, "_check": 0}
IN_SQL = re.compile(r"'code',\s*'(\w+)'")


def codes(*names: str) -> set[str]:
    return {code for source in SOURCES for name, code in said(source) if name in names}


def said(source: Path) -> Iterator[tuple[str, str]]:
    """Yield what is called with a literal code, and the codes that stand in SQL."""
    tree = ast.parse(source.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (("SQL", code) for code in IN_SQL.findall(node.value))
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = CODE_AT.get(node.func.id)
        code = node.args[place] if place is not None and len(node.args) > place else None
        if isinstance(code, ast.Constant):
            yield node.func.id, str(code.value)


def test_every_reason_to_refuse_a_row_has_words():
    found = codes("CellError", "Check", "BadRow", "SQL")

    assert len(found) > 25
    assert found - REASONS.keys() == set()


def test_every_reason_to_refuse_a_file_has_words():
    found = codes("FileRefusedError")

    assert len(found) > 10
    assert found - FILE_REASONS.keys() == set()


def test_every_problem_of_a_mapping_has_words():
    source = (ROOT / "crm" / "selectors" / "import_mapping.py").read_text()

    assert set(re.findall(r'"code": "(\w+)"', source)) == words.MAPPING_PROBLEMS.keys()


def test_every_refusal_to_undo_a_row_has_words():
    source = (ROOT / "crm" / "services" / "undo.py").read_text()
    found = set(re.findall(r"refused = '(\w+)'|THEN '(\w+)' ELSE '(\w+)' END", source))

    given = {code for group in found for code in group if code}
    assert given - words.UNDO_REFUSALS.keys() == {"gone"}  # who is gone already is not listed


def test_every_verdict_and_table_has_words():
    tables = {table for spec in SPECS.values() if isinstance(spec, KindSql) for table in spec.tables}

    assert set(CHECKED) == words.VERDICTS.keys() == words.VERDICT_NOTES.keys() == words.OUTCOME_NOTES.keys()
    assert tables - words.TABLES.keys() == set()


@pytest.mark.parametrize("code", sorted(REASONS))
def test_words_are_filled_in_or_whole_without_data(code):
    assert refusal_words({"code": code, "data": {}})


@pytest.mark.parametrize("problem", sorted(words.MAPPING_PROBLEMS))
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_problem_names_column_and_field(problem, language):
    kind = KINDS["accounts"]
    named = {"code": problem, "column": "Farbe", "field": "name", "fields": ["name", "phone"], "type": "text"}

    with override(language):
        text = words.mapping_problem_words(kind, named)

    assert "%" not in text
    assert "Farbe" in text or str(kind.field("name").label)[:4] in text or language != "en"


def test_a_file_that_came_by_itself_says_which_columns_did_not_fit():
    problems = [{"code": "field_missing", "field": "name"}]
    made = Import(layout="accounts", problem={"code": "mapping", "data": {"problems": problems}})

    text = words.problem_words(made)

    assert text == "The columns don’t fit. No column goes to “Name”, which every row needs."
