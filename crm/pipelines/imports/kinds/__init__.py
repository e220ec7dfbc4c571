"""The kinds of rows that are crm's own, by code."""

from crm.pipelines.imports.kinds.accounts import ACCOUNTS
from crm.pipelines.imports.kinds.orders import ORDERS
from crm.pipelines.imports.kinds.spec import KindSql

SPECS: dict[str, KindSql] = {spec.code: spec for spec in (ACCOUNTS, ORDERS)}
