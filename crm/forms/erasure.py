"""The one question before something goes for good."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class EraseForm(forms.Form):
    """Asks for the name, so that nobody erases one account meaning another."""

    name = forms.CharField(
        label=_("Type its name to confirm"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected

    def clean_name(self) -> str:
        typed = str(self.cleaned_data["name"])
        if " ".join(typed.split()) != " ".join(self.expected.split()):
            raise forms.ValidationError(gettext("This is not its name."), code="another_name")
        return typed
