"""Forms about books. Storing is the services' business."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Book
from crm.services.books import DEFAULT_SCORE_KINDS

SCORE_KINDS = (
    ("churn", _("Churn: who will order no more, learnt from orders")),
    ("purchase", _("Purchase: who will order within 30 days, learnt from orders")),
    (
        "payment_risk",
        _("Payment risk: who will not pay, learnt from invoices and outcomes “a bill was not paid”"),
    ),
)  # fmt: skip


class ScoreKindsField(forms.MultipleChoiceField):
    """What a book is scored for; nothing at all will do."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=kwargs.pop("label", _("What is scored")), choices=SCORE_KINDS, required=False,
            initial=list(DEFAULT_SCORE_KINDS), widget=forms.CheckboxSelectMultiple, **kwargs,
        )  # fmt: skip


class BookField(forms.ModelChoiceField):  # type: ignore[type-arg] # known to type checkers only
    """The book that a record belongs to."""

    def __init__(self, **kwargs: Any) -> None:
        books = Book.objects.order_by("is_demo", "name")
        super().__init__(queryset=books, empty_label=_("Choose…"), **kwargs)


class BookForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    score_kinds = ScoreKindsField()

    def __init__(self, data: Any = None, *, book: Book) -> None:
        super().__init__(data, initial={"name": book.name, "score_kinds": book.score_kinds})
        self.fields["score_kinds"].disabled = book.is_demo
