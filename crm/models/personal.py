"""The columns that hold personal data: the one table that erasure, export and log masking walk."""

# Model label -> columns. A person's account bears the person's name; free text may hold anything.
PERSONAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "crm.User": ("username", "first_name", "last_name", "email"),
    "crm.Account": ("name", "attributes", "website", "tax_id", "email", "phone"),
    "crm.Contact": ("name", "email", "phone"),
    "crm.Activity": ("text",),
    "crm.Task": ("title",),
    "crm.Ticket": ("subject", "text"),
    "crm.Partner": ("email",),
    "crm.Event": ("visitor", "term", "page"),
    "crm.AttributeValue": ("value",),
    "crm.Bin": ("label", "rows"),
    "crm.Import": ("reading",),
    "crm.RuleHit": ("row",),
    "crm.QuarantinedRow": ("cells", "errors"),
    "crm.ChangedRows": ("old_rows",),
    "crm.MatchKey": ("key",),
    "crm.Visitor": ("key",),
    "crm.WebSession": ("landing_path",),
}


def personal_names() -> frozenset[str]:
    """Return the names under which such a value might be logged."""
    return frozenset(column for columns in PERSONAL_COLUMNS.values() for column in columns)
