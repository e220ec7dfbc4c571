"""The product's own settings in production, on the database of one size, with the floors beside it."""

import os

from config.settings import *  # noqa: F403 - Django's way to change a few of many

DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]  # noqa: F405 (of the product's settings, all of which are taken over)
ROOT_URLCONF = "benchmarks.urls"
TEMPLATES[0] |= {"DIRS": [BASE_DIR / "templates", BASE_DIR / "benchmarks" / "templates"]}  # noqa: F405 (of the product's settings, all of which are taken over)
# The limit is counted, but must not end the measuring.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = {"key": "100000000/min"}  # noqa: F405 (of the product's settings, all of which are taken over)
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
