"""Books: what there is, and what each of them is scored for."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crm.forms.books import BookForm
from crm.models import Book
from crm.models.access import MANAGE_BOOKS
from crm.selectors.books import get_books, list_books
from crm.services.books import DemoBookError, edit_book
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_safe
@require_capability(MANAGE_BOOKS)
def book_list(request: HtmxRequest) -> HttpResponse:
    return render(request, "crm/book_list.html", {"rows": list_books(request.user)})


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_BOOKS)
def book_edit(request: HtmxRequest, code: str) -> HttpResponse:
    book = get_visible(get_books(request.user), code=code)
    form = BookForm(request.POST if request.method == "POST" else None, book=book)
    if form.is_valid() and _edit(request, book, form):
        return redirect("crm:book-list")
    context = {"form": form, "book": book}
    return render(request, "crm/book_form.html", context, status=422 if form.errors else 200)


def _edit(request: HtmxRequest, book: Book, form: BookForm) -> bool:
    said = form.cleaned_data
    try:
        jobs = edit_book(book=book, name=said["name"], score_kinds=said["score_kinds"], by=request.user)
    except DemoBookError:
        form.add_error("score_kinds", _("What a demo book is scored for stays as it is."))
        return False
    messages.success(request, _("Saved."))
    if set(said["score_kinds"]) - set(book.score_kinds):
        messages.info(
            request, _("What is new is scored once the next training, this week, has made a model.")
        )
    if jobs:
        messages.info(request, _("The scores that are not wanted any more are being taken back."))
    return True
