"""A book of any size whose models are live and which has been learnt from, as after a first night."""

from __future__ import annotations

from analytics.lake import open_lake, refresh
from analytics.pipelines import offers
from benchmarks.database import prepare_database
from benchmarks.live_models import make_models_live
from crm.models import Book, Change, Job, Schedule
from crm.services.feed import advance


def prepare_scored_book(accounts: int, *, orders: int) -> Book:
    """Fill the database if need be, and leave nothing to do but what changes from now on."""
    prepare_database(accounts, orders=orders)
    book = Book.objects.get(code="generated")
    make_models_live(book)
    Job.objects.all().delete()
    Schedule.objects.exclude(name="rescoring").update(is_enabled=False)
    Schedule.objects.filter(name="rescoring").update(is_enabled=True)
    refresh()
    with open_lake() as lake:
        offers.learn(lake, book, lake.manifest.complete_until)
    last = Change.objects.order_by("xid", "pk").last()
    if last is not None:
        advance("analytics.rescore", last)
    return book
