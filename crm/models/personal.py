"""The columns that hold personal data: the one table that erasure, export and log masking walk."""

# Model label -> columns. A person's account bears the person's name; free text may hold anything.
PERSONAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "crm.User": ("username", "first_name", "last_name", "email"),
    "crm.Account": ("name", "attributes"),
    "crm.Contact": ("name", "email", "phone"),
    "crm.Activity": ("text",),
    "crm.Task": ("title",),
    "crm.Ticket": ("subject", "text"),
    "crm.Partner": ("email",),
    "crm.Event": ("visitor", "term"),
    "crm.AttributeValue": ("value",),
    "crm.Bin": ("label", "rows"),
    "crm.RuleHit": ("row",),
}


def personal_names() -> frozenset[str]:
    """Return the names under which such a value might be logged."""
    return frozenset(column for columns in PERSONAL_COLUMNS.values() for column in columns)
