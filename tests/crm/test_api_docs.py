"""The examples of docs/partner-api.md do what they say."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest
from django.test import Client

from crm.api.authentication import REFUSALS
from tests.factories import OrderFactory, ProductFactory, RecommendationFactory, ScoreFactory, ValueFactory

GUIDE = (Path(__file__).parents[2] / "docs" / "partner-api.md").read_text()
# A command, and the answer that stands right under it, if one does.
EXAMPLE = re.compile(r"```sh\n(curl .*?)```(?:\n\n```json\n(.*?)```)?", re.S)
EXAMPLES = [(command, shown) for command, shown in EXAMPLE.findall(GUIDE)]


@pytest.fixture
def variables(partner_key):
    account = partner_key.account()
    reason = {"code": "recency", "points": 0.62, "values": {"days": 94, "usual_days": 31}}
    ScoreFactory(account=account, reasons=[reason], base_log_odds=-1.2)
    ValueFactory(account=account)
    RecommendationFactory(account=account, product=ProductFactory(book=account.book, code="LAMP-1"))
    order = OrderFactory(account=account)
    return {
        "$SEXTANT": "",
        "$KEY": partner_key.token,
        "$ACCOUNT": str(account.public_id),
        "$ORDER": str(order.public_id),
    }


def run(command):
    """Send what curl would, without needing curl."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("-H", action="append", dest="headers")
    parser.add_argument("-d", dest="body")
    said = parser.parse_args(shlex.split(command)[1:])
    headers = dict(header.split(": ", 1) for header in said.headers)
    if said.body is None:
        return Client().get(said.address, headers=headers)
    media_type = headers.pop("Content-Type")
    return Client().post(said.address, said.body, content_type=media_type, headers=headers)


def lacking(shown, answered, path=""):
    """Yield what the guide shows and the answer hasn't."""
    if isinstance(shown, dict):
        for name, part in shown.items():
            if name not in answered:
                yield f"{path}/{name}"
            else:
                yield from lacking(part, answered[name], f"{path}/{name}")
    elif isinstance(shown, list) and shown:
        if not answered:
            yield f"{path}/0"
        else:
            yield from lacking(shown[0], answered[0], f"{path}/0")


@pytest.mark.parametrize(("command", "shown"), EXAMPLES)
def test_an_example_does_what_it_says(command, shown, variables):
    for name, value in variables.items():
        command = command.replace(name, value)

    answer = run(command)

    assert answer.status_code in (200, 201), answer.text
    assert not list(lacking(json.loads(shown or "{}"), answer.json()))


def test_the_guide_has_an_example_for_each_endpoint():
    assert len(EXAMPLES) == 9


@pytest.mark.parametrize("code", [*REFUSALS, "scope_missing", "external_id_taken", "idempotency_key_reused"])
def test_the_guide_names_the_codes_of_errors(code):
    assert f"`{code}`" in GUIDE
