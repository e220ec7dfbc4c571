import doctest
import importlib
import pkgutil

import pytest

import analytics.ml

MODULES = [f"analytics.ml.{module.name}" for module in pkgutil.iter_modules(analytics.ml.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_the_documentation_hold(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert result.failed == 0
