"""Taiwan credit clients: one client a row, six months of statements and payments, and the outcome."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable

from crm.pipelines.imports.layout import Layout, Run
from crm.pipelines.imports.taiwan_commit import commit
from crm.pipelines.imports.taiwan_rules import RULES
from crm.services.books import DemoBook
from crm.services.import_rules import Staging

DEMO_FILES = Path(__file__).resolve().parents[2] / "demo"

BANK = DemoBook(
    code="bank",
    name="Bank",
    currency="TWD",
    begins=datetime(2005, 4, 1),  # noqa: DTZ001 - wall-clock time, made an instant in SQL
    ends=datetime(2005, 11, 1),  # noqa: DTZ001 - the month in which the clients paid or did not
    score_kinds=("payment_risk",),
    attribution=(
        "Yeh, I. (2009). Default of Credit Card Clients. UCI Machine Learning Repository. "
        "doi:10.24432/C55S3H. CC BY 4.0. Dates shifted by whole weeks; names are simulated."
    ),
    reporting_rate=Decimal("0.024"),
)
MONTHS = "123456"
STAGING = Staging(
    "taiwan_read",
    {
        "LIMIT_BAL": "credit_limit",
        "SEX": "sex",
        "EDUCATION": "education",
        "MARRIAGE": "marriage",
        "AGE": "age",
        **{f"PAY_{month}": f"pay_{month}" for month in "023456"},
        **{f"BILL_AMT{month}": f"bill_amt{month}" for month in MONTHS},
        **{f"PAY_AMT{month}": f"pay_amt{month}" for month in MONTHS},
        "default.payment.next.month": "defaulted",
    },
)
TYPES = ", ".join(f"{column} integer" for column in STAGING.columns.values())
_EVERY = 15  # a sample for tests is 2,000 of the 30,000 clients


def candidates(cursor: CursorWrapper, run: Run) -> Composable:
    if run.limit is not None:
        cursor.execute(
            "DELETE FROM taiwan_read WHERE n NOT IN (SELECT n FROM taiwan_read ORDER BY n %% %s, n LIMIT %s)",
            [_EVERY, run.limit],
        )
    cursor.execute("ANALYZE taiwan_read")
    return SQL(
        "SELECT *, row_number() OVER (PARTITION BY {} ORDER BY n) AS copy_number FROM taiwan_read"
    ).format(SQL(", ").join(map(SQL, STAGING.columns.values())))


TAIWAN_DEFAULT = Layout(
    code="taiwan_default",
    demo=BANK,
    path=DEMO_FILES / "taiwan_default.parquet",
    staging=STAGING,
    types=TYPES,
    rules=RULES,
    candidates=candidates,
    commit=commit,
    analysed=(
        "crm_account",
        "crm_attributevalue",
        "crm_externalid",
        "crm_invoice",
        "crm_outcome",
        "crm_payment",
    ),
)
