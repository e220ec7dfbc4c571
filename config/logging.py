"""One JSON object a line, with request and job ids, and nobody's address, number or token in it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[masked]"
# The fallback of those who do not name their personal columns.
PERSONAL_KEYS = frozenset(
    {"email", "phone", "mobile", "first_name", "last_name", "full_name", "username", "address", "street"}
    # Columns of crm.models.personal; a test compares.
    | {"name", "attributes", "text", "title", "subject", "visitor", "term", "value", "label", "rows", "row"}
    | {"website", "tax_id", "page", "landing_path", "key", "cells", "errors", "old_rows", "reading"}
    | {"password", "token", "secret", "authorization", "cookie", "api_key", "remote_addr"}
)
OUR_KEYS = frozenset({"timestamp", "level", "logger", "request_id", "job_id"})

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_NUMBER = re.compile(r"(?<![\w.:/+-])\+?\(?\d[\d ().-]{6,}\d(?![\w-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DECIMAL_OR_ADDRESS = re.compile(r"-?\d+(?:\.\d+){1,3}")
_MOBILE = re.compile(r"0\d{8,14}|1[3-9]\d{9}")  # national prefix; China
# Addresses that let in whoever has them. Django writes the path of a page that it can't find.
_TOKEN_PATH = re.compile(r"(/l/|/accounts/password/reset/key/|/accounts/confirm-email/)[^\s/?#\"'<>]+")
# What Django's signers make, wherever it stands: what is signed, when, and 43 characters of signature.
_SIGNED = re.compile(r"[\w=-]+[:.][\w-]{6,7}[:.][\w-]{43}(?![\w-])")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

log = structlog.get_logger("sextant.request")


def logging_config(
    *, level: str = "INFO", as_json: bool = True, personal_keys: Iterable[str] = PERSONAL_KEYS
) -> dict[str, Any]:
    """Configure structlog and return Django's `LOGGING`; both end in the same processors."""
    mask = personal_data_mask(personal_keys)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if not as_json:
        render = structlog.dev.ConsoleRenderer(colors=False)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask,
            render,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Their own handlers would print lines that are neither JSON nor masked.
            "django": {"handlers": [], "level": level, "propagate": True},
            # It prints query strings; RequestIdMiddleware has one line for each request anyway.
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            "gunicorn.error": {"handlers": [], "level": level, "propagate": True},
        },
    }


def personal_data_mask(personal_keys: Iterable[str]) -> Processor:
    """Return a processor that masks values of personal columns, and addresses and numbers anywhere."""
    keys = frozenset(key.lower() for key in personal_keys)

    def clean(value: Any, key: str = "") -> Any:
        if key.lower() in keys and value not in (None, ""):
            return MASK
        if isinstance(value, str):
            return mask_text(value)
        if isinstance(value, dict):
            return {str(k): clean(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(part) for part in value]
        return value if isinstance(value, bool | int | float | None) else mask_text(str(value))

    def processor(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        return {key: value if key in OUR_KEYS else clean(value, key) for key, value in event.items()}

    return processor


def mask_text(text: str) -> str:
    """Return the text without e-mail addresses, telephone numbers and tokens.

    >>> mask_text("mail to ana@example.com or ring +44 20 7946 0018, order 536365")
    'mail to [masked] or ring [masked], order 536365'
    >>> mask_text("Not Found: /l/cAZXGeuhwdr.1tX9aB.c2ln/")
    'Not Found: /l/[masked]/'
    """
    without_tokens = _SIGNED.sub(MASK, _TOKEN_PATH.sub(rf"\1{MASK}", text))
    return _NUMBER.sub(_mask_number, _EMAIL.sub(MASK, without_tokens))


def _mask_number(match: re.Match[str]) -> str:
    found = match.group()
    digits = re.sub(r"\D", "", found)
    if found.startswith("+"):
        return MASK
    if _DATE.match(found) or _DECIMAL_OR_ADDRESS.fullmatch(found):
        return found
    if digits == found:
        return MASK if _MOBILE.fullmatch(found) else found
    return MASK if 9 <= len(digits) <= 15 else found


class RequestIdMiddleware:
    """Give every request an id, put it into each line logged meanwhile, and log the request once.

    The line names the route and not the path with its query: those hold what people typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined] # read by the API's error envelope
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            log.log(
                logging.ERROR if response.status_code >= 500 else logging.INFO,
                "request",
                method=request.method,
                route=request.resolver_match.route if request.resolver_match else None,
                status=response.status_code,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
        response["X-Request-ID"] = request_id
        return response
