"""Forms about custom attributes. Storing is the services' business."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm.models import AttributeDefinition

MOST_CHOICES = 200
MOST_LETTERS = 120


class ChoicesField(forms.CharField):
    """Choices, one a line: what is stored, an equals sign, what people read."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{code} = {label}" for code, label in value.items())
        return value

    def clean(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, str(super().clean(value)).splitlines())):
            code, _equals, label = (part.strip() for part in line.partition("="))
            if not code or max(len(code), len(label)) > MOST_LETTERS:
                raise forms.ValidationError(_("“%(line)s” is no choice.") % {"line": line[:60]})
            if code in found:
                raise forms.ValidationError(_("“%(code)s” stands there twice.") % {"code": code})
            found[code] = label or code
        if len(found) > MOST_CHOICES:
            raise forms.ValidationError(_("At most %(most)s choices.") % {"most": MOST_CHOICES})
        return found


class AttributeForm(forms.Form):
    """Made by hand: everything. Of one that is there, key and type stay as they are."""

    label = forms.CharField(label=gettext_lazy("Label"), max_length=120)
    key = forms.RegexField(
        r"^[a-z][a-z0-9_]*\Z", label=pgettext_lazy("attribute", "Key"), max_length=60,
        help_text=gettext_lazy("What imports, the API and models call it, for good."),
        error_messages={"invalid": gettext_lazy("A small letter, then small letters, digits and _.")},
    )  # fmt: skip
    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=AttributeDefinition.Type.choices)
    choices = ChoicesField(
        label=gettext_lazy("Choices"), required=False,
        help_text=gettext_lazy(
            "Of the type “Choice”, one a line, such as north = Northern region: "
            "what is stored, then what people read."
        ),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )  # fmt: skip
    is_known_before = forms.BooleanField(
        label=gettext_lazy("Known before the outcome: may enter models"), required=False
    )
    is_sensitive = forms.BooleanField(
        label=gettext_lazy("Sensitive: never enters a model"), required=False,
        help_text=gettext_lazy("For what nobody may be judged by, such as sex, age or family."),
    )  # fmt: skip

    def __init__(self, *args: Any, definition: AttributeDefinition | None = None, **kwargs: Any) -> None:
        names = ("label", "choices", "is_known_before", "is_sensitive")
        self.definition = definition
        if definition is not None:
            kwargs["initial"] = {name: getattr(definition, name) for name in names}
        super().__init__(*args, **kwargs)
        if definition is not None:
            del self.fields["key"], self.fields["type"]
            if definition.type != AttributeDefinition.Type.CHOICE:
                del self.fields["choices"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = self.definition.type if self.definition else cleaned.get("type")
        choices = cleaned.get("choices")
        if kind == AttributeDefinition.Type.CHOICE and choices == {}:
            self.add_error("choices", _("Say what can be chosen."))
        elif kind != AttributeDefinition.Type.CHOICE and choices:
            self.add_error("choices", _("Only the type “Choice” has choices."))
        if cleaned.get("is_known_before") and cleaned.get("is_sensitive"):
            self.add_error("is_known_before", _("What is sensitive may not enter a model."))
        return cleaned
