"""The field of a currency, the same in every form."""

from functools import cache
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from crm.selectors.currencies import CURRENCIES


class CurrencyInput(forms.TextInput):
    """Takes a code and suggests all that there are: a menu of 150 takes longer than three letters."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        codes = f"{name}-codes"
        control = super().render(name, value, {**(attrs or {}), "list": codes}, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', control, codes, _options())


class CurrencyField(forms.CharField):
    """The code of a currency, in capitals whatever was entered."""

    widget = CurrencyInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=3, **kwargs)
        self.widget.attrs |= {"autocomplete": "off", "autocapitalize": "characters"}

    def clean(self, value: Any) -> str:
        code = str(super().clean(value)).upper()
        if code and code not in CURRENCIES:
            raise forms.ValidationError(_("This is no currency. Codes have three letters, like EUR."))
        return code


@cache
def _options() -> SafeString:
    return format_html_join("", '<option value="{}">', ((code,) for code in sorted(CURRENCIES)))
