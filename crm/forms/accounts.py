"""Forms about accounts and their people. Saving is the services' business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from crm.forms.books import BookField
from crm.forms.currencies import CurrencyField
from crm.forms.websites import WebsiteField
from crm.models import Account, AttributeDefinition, Contact, User
from crm.selectors.countries import COUNTRIES
from crm.selectors.directory import list_people

ATTRIBUTE_PREFIX = "attr_"
PARTS = (
    (
        _("Account"),
        ("name", "kind", "book", "stage", "owner", "country", "industry", "currency", "customer_since"),
    ),
    (_("How to reach it"), ("website", "email", "phone", "tax_id")),
)


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg] # known to type checkers only
    """Somebody on the staff, by public id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=list_people(), to_field_name="public_id", empty_label="–", **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show the person of a record, which knows only the row's id."""
        if isinstance(value, int):
            return User.objects.filter(pk=value).values_list("public_id", flat=True).first()
        return super().prepare_value(value)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    owner = PersonField(label=_("Owner"), required=False)
    country = forms.ChoiceField(label=_("Country"), required=False)
    currency = CurrencyField(label=_("Currency"))
    book = BookField(label=_("Book"))

    class Meta:
        model = Account
        fields = (
            "name", "kind", "book", "stage", "owner", "country", "industry", "currency", "customer_since",
            "website", "email", "phone", "tax_id",
        )  # fmt: skip
        field_classes = {"website": WebsiteField}
        labels = {"email": _("E-mail"), "tax_id": _("Tax number")}
        widgets = {"customer_since": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(
        self, *args: Any, definitions: Iterable[AttributeDefinition] = (), only: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        named = sorted(((str(name), code) for code, name in COUNTRIES.items()))
        choices = [("", "–"), *((code, name) for name, code in named)]
        if self.instance.country and self.instance.country not in COUNTRIES:
            choices.append((self.instance.country, self.instance.country))
        for name, offered in (
            ("country", choices), ("kind", Account.Kind.choices), ("stage", Account.Stage.choices),
        ):  # fmt: skip
            self.fields[name].choices = offered  # type: ignore[attr-defined] # known by its name only
        if self.instance.pk:
            del self.fields["book"]  # a book's models were trained on its accounts
        for definition in definitions:
            name = f"{ATTRIBUTE_PREFIX}{definition.key}"
            self.fields[name] = attribute_field(definition)
            self.initial.setdefault(name, self.instance.attributes.get(definition.key))
        if only:
            self.fields = {only: self.fields[only]}

    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields as people read them: under a heading, those that belong together."""
        empty = {bound.name for bound in self.empty}
        filled = [name for name in self.fields if name.startswith(ATTRIBUTE_PREFIX) and name not in empty]
        parts = [*PARTS, (_("Attributes"), filled)]
        found = [
            (str(title), [self[name] for name in names if name in self.fields]) for title, names in parts
        ]
        return [(title, bound) for title, bound in found if bound]

    @cached_property
    def empty(self) -> list[forms.BoundField]:
        """Return the custom attributes without a value: another book may be the only one to have them."""
        custom = [self[name] for name in self.fields if name.startswith(ATTRIBUTE_PREFIX)]
        return [bound for bound in custom if bound.value() in (None, "") and not bound.errors]

    def details(self) -> dict[str, Any]:
        """Return what was entered for the account's own columns."""
        return {
            name: value for name, value in self.cleaned_data.items() if not name.startswith(ATTRIBUTE_PREFIX)
        }

    def attributes(self) -> dict[str, Any]:
        """Return what was entered for custom attributes; None where nothing was."""
        return {
            name.removeprefix(ATTRIBUTE_PREFIX): attribute_value(value)
            for name, value in self.cleaned_data.items()
            if name.startswith(ATTRIBUTE_PREFIX)
        }

    def _post_clean(self) -> None:
        """Leave the instance as it stands in the database: the service compares against it."""

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.accounts saves")


class ContactForm(forms.ModelForm):  # type: ignore[type-arg] # likewise
    class Meta:
        model = Contact
        fields = ("name", "job_title", "email", "phone")

    def _post_clean(self) -> None:
        """Leave the instance alone, as above."""


def attribute_field(definition: AttributeDefinition) -> forms.Field:
    """Return the form field of a custom attribute."""
    types = AttributeDefinition.Type
    given: dict[str, Any] = {"label": definition.label, "required": False}
    if definition.type == types.NUMBER:
        return forms.FloatField(**given)
    if definition.type == types.DATE:
        return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **given)
    if definition.type == types.BOOLEAN:
        choices = [("", "–"), ("true", _("Yes")), ("false", _("No"))]
        return forms.TypedChoiceField(
            choices=choices, coerce=lambda text: text == "true", empty_value=None, **given
        )
    if definition.type == types.CHOICE:
        return forms.ChoiceField(choices=[("", "–"), *definition.choices.items()], **given)
    return forms.CharField(max_length=200, **given)


def attribute_value(value: Any) -> Any:
    """Return an entered value as JSON keeps it."""
    if value in (None, ""):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
