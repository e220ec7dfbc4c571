from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.forms.books import BookField
from crm.models import DataFeed
from crm.selectors.import_kinds import KINDS
from crm.services.data_feeds import READING_OPTIONS, TOKEN_PREFIX, folder_of

A_MONTH = 31 * 24 * 60


class DataFeedForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    book = BookField(label=gettext_lazy("Book"))
    layout = forms.ChoiceField(label=gettext_lazy("Kind of rows"))
    via = forms.ChoiceField(label=gettext_lazy("Comes from"), choices=DataFeed.Via.choices)
    every_minutes = forms.IntegerField(
        label=gettext_lazy("Every so many minutes"), min_value=1, max_value=A_MONTH, initial=60
    )
    decimal = forms.ChoiceField(
        label=gettext_lazy("Decimal mark"),
        required=False,
        choices=[("", gettext_lazy("As the first file shows")), (".", "1,234.56"), (",", "1.234,56")],
    )
    date_order = forms.ChoiceField(
        label=gettext_lazy("Order of dates"),
        required=False,
        choices=[
            ("", gettext_lazy("As the first file shows")),
            ("ymd", gettext_lazy("Year, month, day")),
            ("dmy", gettext_lazy("Day, month, year")),
            ("mdy", gettext_lazy("Month, day, year")),
        ],
    )

    class Meta:
        model = DataFeed
        fields = ("name", "book", "layout", "source", "via", "address", "token_variable", "every_minutes")
        help_texts = {
            "source": gettext_lazy("The system whose numbers the files bear, such as “erp”."),
            "address": gettext_lazy("A folder below the one set aside for feeds, or an https:// address."),
            "token_variable": gettext_lazy(
                "For an address: the environment's variable that holds its bearer token. "
                "Its name begins with SEXTANT_FEED_."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(kind.code, kind.label) for kind in KINDS.values()]
        self.fields["layout"].choices = kinds  # type: ignore[attr-defined] # known by its name only
        self.fields["book"].disabled = self.instance.pk is not None
        for name in READING_OPTIONS:
            self.initial.setdefault(name, self.instance.reading.get(name) or "")

    def clean_token_variable(self) -> str:
        name: str = self.cleaned_data["token_variable"]
        if name and not re.fullmatch(rf"{TOKEN_PREFIX}[A-Z0-9_]+", name):
            raise forms.ValidationError(
                _("The name of the variable begins with %(prefix)s and goes on with capital letters.")
                % {"prefix": TOKEN_PREFIX}
            )
        return name

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        address, via = entered.get("address", ""), entered.get("via")
        if address and via == DataFeed.Via.HTTPS and not _is_https(address):
            self.add_error("address", _("An address begins with https:// and has no password."))
        if address and via == DataFeed.Via.FOLDER and folder_of(address) is None:
            self.add_error("address", _("The folder has to lie below the one that is set aside for feeds."))
        return entered

    def details(self) -> dict[str, Any]:
        """Return what was entered as the feed's own columns."""
        entered = {name: value for name, value in self.cleaned_data.items() if name not in READING_OPTIONS}
        chosen = {name: self.cleaned_data[name] or None for name in READING_OPTIONS}
        return {**entered, "reading": {**self.instance.reading, **chosen}}

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.data_feeds saves")


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and "@" not in parts.netloc and address.isprintable()
