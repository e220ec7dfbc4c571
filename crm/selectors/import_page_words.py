"""The words of an import's pages: steps, verdicts, tables, mapping problems, rows not undone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.models import Import
from crm.selectors.import_kinds import KINDS, Kind
from crm.selectors.import_reading_words import file_refusal_words

Words = Mapping[str, str | Promise]

STEPS: Words = {
    "upload": _("Upload"),
    "columns": _("Columns"),
    "check": _("Check"),
    "import": _("Import"),
    "report": _("Report"),
}
VERDICTS: Words = {
    "create": _("New"),
    "update": _("Changed"),
    "skip": _("Unchanged"),
    "refuse": _("Refused"),
}
VERDICT_NOTES: Words = {
    "create": _("will be made"),
    "update": _("will be changed"),
    "skip": _("stand already as in the file"),
    "refuse": _("can be mended and sent again"),
}
# What came of them, in the report.
OUTCOME_NOTES: Words = {
    "create": _("were made"),
    "update": _("were changed"),
    "skip": _("stood already as in the file"),
    "refuse": _("were left out"),
}
TABLES: Words = {
    "campaigns_adresult": _("Advertising results"),
    "campaigns_response": _("Campaign responses"),
    "crm_account": _("Accounts"),
    "crm_attributedefinition": _("Custom attributes"),
    "crm_attributevalue": _("Attribute values"),
    "crm_contact": _("Contacts"),
    "crm_event": _("Events"),
    "crm_eventkey": _("Numbers of events"),
    "crm_externalid": _("Numbers in other systems"),
    "crm_invoice": _("Invoices"),
    "crm_order": _("Orders and returns"),
    "crm_orderline": _("Order lines"),
    "crm_outcome": _("Outcomes"),
    "crm_payment": _("Payments"),
    "crm_product": _("Products"),
    "crm_subscription": _("Subscriptions"),
    "crm_ticket": _("Tickets"),
}
UNDO_REFUSALS: Words = {
    "edited": _("Somebody changed it since."),
    "in_use": _("Something else belongs to it by now."),
    "taken": _("Another record has taken its place."),
}
MAPPING_PROBLEMS: Words = {
    "column_unknown": _("The file has no column “%(column)s”."),
    "field_unknown": _("“%(field)s” is no field of these rows."),
    "field_twice": _("More than one column goes to “%(field)s”."),
    "field_missing": _("No column goes to “%(field)s”, which every row needs."),
    "one_of_missing": _("A column has to go to one of: %(fields)s."),
    "no_attributes_here": _("Rows of this kind have no custom attributes: “%(column)s” can’t be one."),
    "attribute_invalid": _("“%(column)s” can’t become an attribute by this name and type."),
    "attribute_twice": _("“%(column)s” would become the same attribute as another column."),
    "attribute_has_another_type": _("“%(column)s” is known as an attribute of another type: %(type)s."),
    "no_outcome_here": _("Rows of this kind have no outcomes: “%(column)s” can’t be one."),
    "outcome_needs_days": _("Say for “%(column)s” how many days ahead it looks, from 1 to 3,660."),
    "outcome_needs_kind_and_date": _("Say for “%(column)s” which column has the date of the outcome."),
}
TYPES: Words = {
    "number": _("number"),
    "text": _("text"),
    "date": _("date"),
    "boolean": _("yes or no"),
    "choice": _("choice"),
    "bool": _("yes or no"),
    "moment": _("date and time"),
}


def kind_words(layout: str) -> str:
    """Return what an import's rows are; the demo books have layouts of their own."""
    kind = KINDS.get(layout)
    return str(kind.label) if kind else layout


def mapping_problem_words(kind: Kind, problem: Mapping[str, Any]) -> str:
    """Return what is wrong with a mapping, in the reader's language."""
    code = str(problem.get("code", ""))
    labels = {field.name: str(field.label) for field in kind.fields}
    said = {name: str(value) for name, value in problem.items() if name not in {"code", "fields"}}
    said["field"] = labels.get(said.get("field", ""), said.get("field", ""))
    said["type"] = str(TYPES.get(said.get("type", ""), said.get("type", "")))
    said["fields"] = ", ".join(labels.get(name, name) for name in problem.get("fields", []))
    words = str(MAPPING_PROBLEMS.get(code, code.replace("_", " ").capitalize()))
    return words % said


def problem_words(source_import: Import) -> str:
    """Return why the file as a whole was refused; empty when it wasn't."""
    problem = source_import.problem or {}
    if problem.get("code") != "mapping":
        return file_refusal_words(source_import.problem)
    kind = KINDS[source_import.layout]
    found = problem.get("data", {}).get("problems", [])
    return " ".join([gettext("The columns don’t fit."), *(mapping_problem_words(kind, one) for one in found)])
