"""What each process of the product carries with it."""

import subprocess
import sys

from config.embedded import REPOSITORY

HEAVY = [
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "skops",
    "pyarrow",
    "ibis",
    "duckdb",
    "adbc_driver_postgresql",
]
WEB_PROCESS = f"""
import sys
import config.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
print(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""


def test_a_web_process_that_has_loaded_every_view_carries_no_numeric_library():
    done = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""
