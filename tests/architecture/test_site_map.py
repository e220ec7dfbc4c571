"""Every page can be opened, and no literal text stands on any: each word is a message."""

from html.parser import HTMLParser
import re
import subprocess

import pytest
from django.test import Client

from tests.site_map import NO_PAGES, PAGES, routes


def test_every_route_is_a_page_or_says_why_not():
    known = {page.route for page in PAGES} | set(NO_PAGES)

    assert set(routes()) - known == set()
    assert known - set(routes()) == set()
    assert {page.route for page in PAGES} & set(NO_PAGES) == set()
