"""The API's description: without warnings, and kept by what the API answers."""

import json

import pytest
import schemathesis
from django.conf import settings
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.factories import OrderFactory, RecommendationFactory, ScoreFactory, ValueFactory

CHECKS = [
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
application = get_wsgi_application()
UNCOUNTED = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": {"key": "1000000/min"}}


def test_the_description_has_no_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))

    assert "/api/v1/accounts/{public_id}/:" in (tmp_path / "schema.yaml").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/api/v1/schema/", "application/vnd.oai.openapi+json"),
        ("/api/v1/schema.yaml", "application/vnd.oai.openapi"),
    ],
)
def test_anybody_may_read_the_description(client, path, media_type):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(media_type)


@pytest.mark.django_db
def test_the_description_names_no_column_of_staff(client):
    described = json.dumps(client.get("/api/v1/schema/").json())

    assert not [word for word in ("owner", "team", "attributes", "ticket") if f'"{word}"' in described]


@pytest.fixture
def real_ids(partner_key):
    account = partner_key.account()
    ScoreFactory(account=account, reasons=[{"code": "recency", "points": 0.5, "values": {"days": 9}}])
    ValueFactory(account=account)
    RecommendationFactory(account=account)
    order = OrderFactory(account=account)
    return {"accounts": str(account.public_id), "orders": str(order.public_id)}


@pytest.fixture
def described_api(db):
    """Run requests in the test's own transaction, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/accounts/"),
        ("GET", "/api/v1/accounts/{public_id}/"),
        ("GET", "/api/v1/accounts/{public_id}/orders/"),
        ("GET", "/api/v1/orders/{public_id}/"),
        ("GET", "/api/v1/products/"),
        ("POST", "/api/v1/leads/"),
        ("POST", "/api/v1/events/"),
        ("POST", "/api/v1/accounts/{public_id}/visitor-tokens/"),
    ],
)
def test_the_api_answers_as_it_describes(described_api, method, path, partner_key, real_ids):
    @given(described_api[path][method].as_strategy())
    @hypothesis_settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def answers(case):
        case.call_and_validate(headers=partner_key.headers, checks=CHECKS)
        if "public_id" in case.path_parameters:  # an id that leads somewhere
            case.path_parameters["public_id"] = real_ids[path.split("/")[3]]
            case.call_and_validate(headers=partner_key.headers, checks=CHECKS)

    with override_settings(REST_FRAMEWORK=UNCOUNTED):
        answers()


def test_every_endpoint_is_tried(described_api):
    tried = set(test_the_api_answers_as_it_describes.pytestmark[0].args[1])
    operations = [found.ok() for found in described_api.get_all_operations()]

    assert {(operation.method.upper(), operation.path) for operation in operations} == tried
