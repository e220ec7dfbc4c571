"""The settings of the test run: the product's own, on servers that may forget in a crash."""

import os
from pathlib import Path

# Before the real settings are read, for they start the services. `.sextant` is left to `make run`.
os.environ.setdefault("SEXTANT_HOME", str(Path(__file__).resolve().parent.parent / ".sextant-test"))
os.environ.setdefault("SEXTANT_FAST_UNSAFE", "1")
os.environ.setdefault("SEXTANT_TESTING", "1")

from config.settings import *
