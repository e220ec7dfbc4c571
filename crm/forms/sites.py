"""Forms about tracked sites."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.forms.books import BookField
from crm.models import Event, TrackedSite
from crm.selectors.sites import list_retention, origin_of

MOST_ORIGINS = 20
LOCAL = ("http://localhost", "http://127.0.0.1")
TEN_YEARS = 3_653


class OriginsField(forms.CharField):
    """Origins, one a line, as browsers say them: scheme, host, and the port if it isn't the usual one."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        if len(lines) > MOST_ORIGINS:
            raise forms.ValidationError(_("At most %(most)s origins.") % {"most": MOST_ORIGINS})
        return list(dict.fromkeys(_origin(line) for line in lines))


class SiteForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    book = BookField(
        label=gettext_lazy("Book"), help_text=gettext_lazy("Whose products and customers its visitors meet.")
    )
    origins = OriginsField(
        label=gettext_lazy("Origins"),
        help_text=gettext_lazy("One a line, such as https://shop.example.com. Only their pages may report."),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "lang": "en"}),
    )

    class Meta:
        model = TrackedSite
        fields = ("name", "book", "origins", "is_enabled")
        labels = {"is_enabled": gettext_lazy("Takes what its pages report")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["book"].disabled = self.instance.pk is not None

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.sites saves")


class RetentionForm(forms.Form):
    """For how many days each kind is kept."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, initial=list_retention())
        for kind, label in Event.Kind.choices:
            self.fields[kind] = forms.IntegerField(
                label=label, required=False, min_value=1, max_value=TEN_YEARS
            )


def _origin(line: str) -> str:
    origin = origin_of(line)
    if not origin or line.rstrip("/").lower() != origin:
        raise forms.ValidationError(_("“%(line)s” is no origin.") % {"line": line})
    if not origin.startswith(("https://", *LOCAL)):
        raise forms.ValidationError(_("“%(line)s” must begin with https://.") % {"line": line})
    return origin
