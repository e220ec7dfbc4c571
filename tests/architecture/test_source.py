"""Rules of the house that a machine can read off the source."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
APPS = ("crm", "campaigns", "analytics")  # from below to above
SOURCES = sorted(
    path for app in ("config", *APPS) for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
)
# What is decided takes its moment as a parameter; stamps come from the database's clock.
WITHOUT_CLOCK = {"models", "selectors", "services", "pipelines", "features", "lake", "ml"}
CLOCKS = {"now", "today", "utcnow", "localdate", "localtime"}
CLOCK_OWNERS = {"datetime", "date", "timezone", "time"}
# One expression or table each, which no cut would make easier to read.
LONG_BY_NATURE = {
    "analytics/features/billing.py:billing_features",
    "analytics/pipelines/evaluation/recommend.py:evaluate_recommend",  # a keyword for each option
    "analytics/pipelines/evaluation/value.py:evaluate_value",
    "config/logging.py:logging_config",
}
NO_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def layer_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1].removesuffix(".py") if len(parts) > 1 else ""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_keep_to_their_layers(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)

    assert lint_imports(cache_dir=str(tmp_path), no_logo=True) == 0


def test_views_and_the_api_reach_rows_through_their_guards_only():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        if layer_of(path) in {"views", "api"}
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"all", "get"}
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr in {"objects", "_base_manager", "_default_manager"}
    ]

    assert found == []


def test_below_the_interface_time_is_a_parameter():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        if layer_of(path) in WITHOUT_CLOCK
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in CLOCK_OWNERS
    ]

    # To show a stored moment in the reader's zone asks no clock.
    assert [place for place in found if not shows_a_moment(place)] == []


def shows_a_moment(place: str) -> bool:
    path, line = place.rsplit(":", 1)
    text = (ROOT / path).read_text().splitlines()[int(line) - 1]
    return "timezone.localtime(" in text and "timezone.localtime()" not in text


def test_files_stay_small():
    caps = {path: 500 if "ml" in path.parts else 400 for path in SOURCES}
    lines = {path: len(path.read_text().splitlines()) for path in SOURCES}

    assert {name_of(path): lines[path] for path in SOURCES if lines[path] > caps[path]} == {}


def test_functions_stay_small():
    found = {}
    for path in SOURCES:
        in_ml = "ml" in path.parts
        for function in functions_of(tree_of(path)):
            length = length_of(function, without_docstring=in_ml)
            if length > (60 if in_ml else 40):
                found[f"{name_of(path)}:{function.name}"] = length

    assert set(found) == LONG_BY_NATURE, found


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef, *, without_docstring: bool) -> int:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if without_docstring and ast.get_docstring(function) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_templates_stay_small():
    templates = sorted((ROOT / "templates").rglob("*.html"))
    lines = {name_of(path): len(path.read_text().splitlines()) for path in templates}

    assert lines
    assert {name: count for name, count in lines.items() if count > 120} == {}


def test_no_file_is_named_after_nothing():
    assert [name_of(path) for path in SOURCES if path.name in NO_NAMES] == []


def test_effects_are_called_and_not_signalled():
    words = ("django.db.models.signals", "django.dispatch", "@receiver", ".connect(sender")

    assert [name_of(path) for path in SOURCES if any(word in path.read_text() for word in words)] == []


def test_keys_between_apps_point_downwards_and_lead_back_by_no_name():
    upward, named = [], []
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.get_fields():
                if not isinstance(field, models.ForeignKey) or field.model is not model:
                    continue
                target = field.related_model._meta.app_label
                if target == app or target not in APPS:
                    continue
                if APPS.index(target) > APPS.index(app):
                    upward.append(str(field))
                if not (field.remote_field.related_name or "").endswith("+"):
                    named.append(str(field))

    assert upward == []
    assert named == []


def test_models_of_an_app_refer_to_each_other_without_circles():
    for app in APPS:
        edges = {
            model: {
                field.related_model
                for field in model._meta.get_fields()
                if isinstance(field, models.ForeignKey) and field.related_model is not model
            }
            for model in apps.get_app_config(app).get_models()
        }
        left = dict(edges)
        while leaves := {model for model, targets in left.items() if not targets & left.keys()}:
            left = {model: targets for model, targets in left.items() if model not in leaves}

        assert sorted(model.__name__ for model in left) == [], app


def views(patterns: list[URLPattern | URLResolver] | None = None) -> Iterator[URLPattern]:
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        else:
            yield pattern


OURS = [
    pattern
    for pattern in views()
    if pattern.callback.__module__.startswith(APPS) and ".api." not in pattern.callback.__module__
]


@pytest.mark.parametrize("pattern", OURS, ids=lambda pattern: str(pattern.name))
def test_every_view_says_which_methods_it_answers(pattern):
    module = inspect.getmodule(inspect.unwrap(pattern.callback))
    function = next(
        node for node in functions_of(tree_of(Path(module.__file__)))
        if node.name == inspect.unwrap(pattern.callback).__name__
    )  # fmt: skip
    decorators = {ast.unparse(decorator).split("(")[0] for decorator in function.decorator_list}

    assert decorators & {"require_safe", "require_POST", "require_GET", "require_http_methods"}


def test_views_and_tasks_are_adapters():
    """A view is at most 25 lines and a task 10; what takes more belongs below."""
    found = {}
    for path in SOURCES:
        if layer_of(path) not in {"views", "tasks"}:
            continue
        cap = 10 if layer_of(path) == "tasks" else 25
        for function in functions_of(tree_of(path)):
            if function.decorator_list and length_of(function, without_docstring=False) > cap:
                found[f"{name_of(path)}:{function.name}"] = function.end_lineno - function.lineno + 1

    assert found == {}
