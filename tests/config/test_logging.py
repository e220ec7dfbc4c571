"""Log lines: JSON, with ids, and without anybody's address or telephone number."""

import io
import json
import logging
import logging.config
import re
import sys

import pytest
import structlog
from django.core import signing
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver

from config.logging import RequestIdMiddleware, logging_config, mask_text
from tests.config.conftest import Installation

LOGGING_PROGRAM = """
import logging, logging.config, structlog
from config.logging import logging_config
logging.config.dictConfig(logging_config(personal_keys=["nick"]))
with structlog.contextvars.bound_contextvars(request_id="r-1", job_id=7):
    logging.getLogger("django.request").warning("Not found for %s", "ana@example.com")
    structlog.get_logger("sextant").info("seen", nick="Ana", deep={"nick": ["Ana"]}, count=3)
    try:
        raise ValueError("cannot ring +44 20 7946 0018")
    except ValueError:
        logging.getLogger("celery").exception("failed")
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What a process of its own prints, since logging belongs to the whole process."""
    program = Installation(tmp_path_factory.mktemp("logging")).spawn("-c", LOGGING_PROGRAM)
    output, _ = program.communicate(timeout=30)
    return [json.loads(line) for line in output.splitlines()]


def test_every_line_is_json_with_its_ids_whoever_wrote_it(lines):
    assert [line["logger"] for line in lines] == ["django.request", "sextant", "celery"]
    assert {(line["request_id"], line["job_id"]) for line in lines} == {("r-1", 7)}
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_personal_data_is_masked_in_texts_values_and_tracebacks(lines):
    text = json.dumps(lines)

    assert "ana@example.com" not in text
    assert "Ana" not in text
    assert "7946 0018" not in text
    assert lines[0]["event"] == "Not found for [masked]"
    assert lines[1]["deep"] == {"nick": "[masked]"}
    assert "ValueError: cannot ring [masked]" in lines[2]["exception"]
    assert lines[1]["count"] == 3


@pytest.mark.parametrize(
    "personal",
    [
        "ana@example.com",
        "a.b+c@mail.example.co.uk",
        "020 7946 0018",
        "(020) 7946-0018",
        "+8613812345678",
        "13812345678",
        "+1 (555) 010-9999",
        "用户@example.com",
    ],
)
def test_addresses_and_numbers_are_masked(personal):
    assert personal not in mask_text(f"before {personal} after")
    assert mask_text(f"before {personal} after").startswith("before ")
    assert mask_text(f"before {personal} after").endswith(" after")


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-22 02:31:27",
        "0.123456789 s",
        "01920000-1234-7890-8123-123456789012",
        "order 536365",
        "192.168.100.200",
        "1,234,567,890.12",
        "rows 1000-2000",
        "job 12345678901",
    ],
)
def test_dates_amounts_and_ids_stay_readable(harmless):
    assert mask_text(harmless) == harmless


def answer(request):
    return HttpResponse(structlog.contextvars.get_contextvars()["request_id"])


def test_a_request_keeps_the_id_of_the_proxy_and_answers_with_it():
    request = RequestFactory().get("/", headers={"X-Request-ID": "from-the-proxy-1"})

    response = RequestIdMiddleware(answer)(request)

    assert response.content == b"from-the-proxy-1"
    assert response["X-Request-ID"] == "from-the-proxy-1"
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("forged", ["", "short", "x" * 65, "line\nbreak", "{json}"])
def test_an_id_that_could_forge_a_line_is_replaced(forged):
    request = RequestFactory().get("/", headers={"X-Request-ID": forged})

    response = RequestIdMiddleware(answer)(request)

    assert response["X-Request-ID"] != forged
    assert len(response["X-Request-ID"]) == 32


def test_a_request_is_logged_by_route_and_never_with_its_query():
    request = RequestFactory().get("/accounts/?q=ana@example.com")

    with structlog.testing.capture_logs() as captured:
        RequestIdMiddleware(answer)(request)

    (line,) = captured
    assert line["event"] == "request"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert "example.com" not in str(line)


SECRET = "cAZXGeuhwdr-1tX9aB-c2lnbmVk"


def routes_that_take_texts(patterns=None, before=""):
    """Yield an address with a secret in it for each route that takes more than a number or an id."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes_that_take_texts(pattern.url_patterns, before + route)
        elif re.search(r"<str:|\(\?P<", route):
            yield "/" + before + re.sub(r"<str:\w+>|\(\?P<\w+>[^)]*\)", SECRET, route).strip("^$")


@pytest.mark.parametrize("address", list(routes_that_take_texts()))
def test_no_token_of_an_address_is_logged(address):
    assert SECRET in address
    assert SECRET not in mask_text(f"Not Found: {address}")


def test_a_tracked_link_that_leads_nowhere_is_logged_without_its_token(client, db, settings):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    line = dict(settings.LOGGING["formatters"]["line"])
    handler.setFormatter(line.pop("()")(**line))
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        assert client.get(f"/l/{SECRET}/?to=https://elsewhere.example/{SECRET}").status_code == 404
    finally:
        logger.removeHandler(handler)

    (found,) = [json.loads(text) for text in written.getvalue().splitlines()]
    assert found["event"] == "Not Found: /l/[masked]/"
    assert SECRET not in written.getvalue()


def test_what_we_signed_is_masked_wherever_it_stands():
    token = signing.dumps({"who": "somebody"})

    assert token not in mask_text(f"refused {token} just now")
    assert mask_text(f"refused {token} just now") == "refused [masked] just now"


def test_the_configuration_is_accepted_by_the_standard_library():
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logging.config.dictConfig(logging_config(level="DEBUG", as_json=False))
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
    finally:
        logging.getLogger().handlers[:], _ = before
        logging.getLogger().setLevel(before[1])
