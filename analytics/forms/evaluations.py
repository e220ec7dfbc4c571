"""Forms about files to evaluate: what is handed in, then which column is what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.models import Evaluation


class UploadForm(forms.Form):
    kind = forms.ChoiceField(label=_("What is to be evaluated"), choices=Evaluation.Kind.choices)
    file = forms.FileField(label=_("File"))


class ColumnField(forms.ChoiceField):
    """One of the file's columns; the form says which there are."""


class OptionsForm(forms.Form):
    """What the command takes as options, with the file's columns to choose from."""

    def __init__(self, data: Any = None, *, columns: Sequence[str], initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        names = [(name, name) for name in columns]
        for field in self.fields.values():
            if isinstance(field, ColumnField):
                field.choices = names if field.required else [("", "–"), *names]
            elif isinstance(field, forms.MultipleChoiceField):
                field.choices = names

    def options(self) -> dict[str, Any]:
        """Return what was said, as the command's options and as JSON holds it."""
        said = {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}
        return {
            name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in said.items()
        }


class OutcomeForm(OptionsForm):
    target = ColumnField(label=_("Column of the outcome"))
    positive = forms.CharField(
        label=_("The value that is looked for"),
        max_length=200,
        help_text=_("As it stands in that column: Yes, 1, churned."),
    )
    time = ColumnField(
        label=_("Column of time"), required=False,
        help_text=_(
            "Then the last three tenths of the rows are the test. Without it, five shuffled folds are."
        ),
    )  # fmt: skip
    exclude = forms.MultipleChoiceField(
        label=_("Columns to leave out"), required=False, widget=forms.CheckboxSelectMultiple
    )
    cost_fp = forms.FloatField(label=_("What acting in vain costs"), required=False, min_value=0)
    cost_fn = forms.FloatField(label=_("What missing one costs"), required=False, min_value=0)


class OrdersForm(OptionsForm):
    account = ColumnField(label=_("Column of the account"))
    date = ColumnField(label=_("Column of the date"))


class ChurnForm(OrdersForm):
    amount = ColumnField(label=_("Column of the amount"))
    horizon_days = forms.IntegerField(
        label=_("Days without an order"), min_value=1, max_value=3650, initial=90
    )
    as_of = forms.DateField(
        label=_("End of the orders"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Unless said, the day after the last one."),
    )  # fmt: skip


class ValueForm(OrdersForm):
    amount = ColumnField(label=_("Column of the amount"), required=False)
    calibration_end = forms.DateField(
        label=_("Learn from orders until"), widget=forms.DateInput(attrs={"type": "date"})
    )


class RecommendForm(OptionsForm):
    account = ColumnField(label=_("Column of the account"))
    product = ColumnField(label=_("Column of the product"))
    date = ColumnField(
        label=_("Column of the date"), required=False,
        help_text=_("Without it a random fifth of each account’s products is the test."),
    )  # fmt: skip
    test_days = forms.IntegerField(label=_("Days of the test"), min_value=1, max_value=3650, initial=60)
    new_only = forms.BooleanField(label=_("Only products new to the account count"), required=False)
    quantity = ColumnField(label=_("Column of the quantity"), required=False)
    price = ColumnField(label=_("Column of the price"), required=False)
    invoice = ColumnField(label=_("Column of the invoice"), required=False)
    cancel_prefix = forms.CharField(
        label=_("How numbers of cancelled invoices begin"), max_length=20, required=False
    )


FORMS: dict[str, type[OptionsForm]] = {
    Evaluation.Kind.OUTCOME: OutcomeForm,
    Evaluation.Kind.CHURN: ChurnForm,
    Evaluation.Kind.VALUE: ValueForm,
    Evaluation.Kind.RECOMMEND: RecommendForm,
}
