"""What the bank knows of its clients: definitions, present values, and their history."""

from typing import Any

from django.db.backends.utils import CursorWrapper

from crm.models import AttributeDefinition
from crm.pipelines.imports.layout import Run

NUMBER, CHOICE = AttributeDefinition.Type.NUMBER, AttributeDefinition.Type.CHOICE

# The labels are the set's own; codes that its description does not know are called so.
EDUCATION = {
    "1": "Graduate school",
    "2": "University",
    "3": "High school",
    "4": "Other",
    "0": "Undocumented code 0",
    "5": "Undocumented code 5",
    "6": "Undocumented code 6",
}
SEX = {"1": "Male", "2": "Female"}
MARRIAGE = {"1": "Married", "2": "Single", "3": "Other", "0": "Undocumented code 0"}

# Key, label, type, choices, known before the outcome, sensitive.
DEFINITIONS: tuple[tuple[str, str, AttributeDefinition.Type, dict[str, str], bool, bool], ...] = (
    ("credit_limit", "Credit limit", NUMBER, {}, True, False),
    ("education", "Education", CHOICE, EDUCATION, True, False),
    ("repayment_status", "Months behind with repayment", NUMBER, {}, True, False),
    ("sex", "Sex", CHOICE, SEX, False, True),
    ("age", "Age", NUMBER, {}, False, True),
    ("marriage", "Marital status", CHOICE, MARRIAGE, False, True),
)

# The month's status is known with its statement and holds until the next one; the rest of a
# client's row does not change in the six months.
_VALUES = """
    INSERT INTO crm_attributevalue (account_id, attribute_id, value, valid_from, valid_to, known_at)
    SELECT account_id, definition.id, value, valid_from, valid_to, valid_from
    FROM (
        SELECT account_id, 'repayment_status' AS key, to_jsonb(status) AS value, issued_at AS valid_from,
            lead(issued_at) OVER (PARTITION BY account_id ORDER BY month) AS valid_to
        FROM client_months
        UNION ALL
        SELECT account_id, key, imported.attributes -> key, starts_at, NULL
        FROM import_accounts AS imported JOIN import_account_ids USING (value)
        JOIN crm_book ON crm_book.id = {book}
        CROSS JOIN unnest(ARRAY['credit_limit', 'education', 'sex', 'age', 'marriage']) AS key
    ) AS known
    JOIN crm_attributedefinition AS definition USING (key)
    WHERE NOT EXISTS (
        SELECT FROM crm_attributevalue AS stands WHERE stands.account_id = known.account_id
            AND stands.attribute_id = definition.id AND stands.valid_from = known.valid_from
    )
    ORDER BY account_id, definition.id, valid_from
"""


def write_attributes(cursor: CursorWrapper, run: Run) -> dict[str, Any]:
    """Write the definitions where they are missing, and the values with their history."""
    for key, label, kind, choices, is_known_before, is_sensitive in DEFINITIONS:
        AttributeDefinition.objects.get_or_create(
            key=key,
            defaults={
                "label": label,
                "type": kind,
                "choices": choices,
                "is_known_before": is_known_before,
                "is_sensitive": is_sensitive,
            },
        )
    cursor.execute(run.sql(_VALUES))
    return {"inserted": cursor.rowcount, "updated": 0}
