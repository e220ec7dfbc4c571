"""A caller of the partner API: a partner, its key, and a client that sends it."""

from dataclasses import dataclass
from typing import Any

from django.test import Client

from crm.models import ApiKey, Partner
from crm.services.api_keys import create_api_key
from tests.factories import AccountFactory, PartnerAccountFactory, PartnerFactory

ROOT = "/api/v1"


@dataclass
class Caller:
    partner: Partner
    key: ApiKey
    token: str

    @classmethod
    def make(cls, partner: Any = None, scopes: tuple[str, ...] = ApiKey.SCOPES) -> "Caller":
        partner = partner or PartnerFactory()
        made = create_api_key(partner=partner, label="tests", scopes=scopes)
        return cls(partner, made.key, made.token)

    def account(self, **details: Any) -> Any:
        """Make an account that is linked to this partner."""
        account = AccountFactory(**details)
        PartnerAccountFactory(partner=self.partner, account=account)
        return account

    def get(self, path: str, **headers: str):
        return self._client().get(f"{ROOT}{path}", headers=self.headers | headers)

    def post(self, path: str, body: Any, **headers: str):
        return self._client().post(
            f"{ROOT}{path}", body, content_type="application/json", headers=self.headers | headers
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _client(self) -> Client:
        return Client(raise_request_exception=True)
