"""Feeds as the pages show them: each with the last file that it brought."""

from __future__ import annotations

from dataclasses import dataclass

from crm.models import DataFeed, DataFeedFile
from crm.models.access import Principal
from crm.selectors.import_kinds import KINDS

FILES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FeedRow:
    feed: DataFeed
    last: DataFeedFile | None = None

    @property
    def kind(self) -> str:
        return str(KINDS[self.feed.layout].label) if self.feed.layout in KINDS else self.feed.layout

    @property
    def is_fetched(self) -> bool:
        return feed_state(self.feed) not in {"off", "stopped"}

    @property
    def columns(self) -> list[tuple[str, str, bool]]:
        """Return name, type and whether it must be filled of each column, in the order of the first file."""
        agreed, required = self.feed.contract.get("columns", {}), self.feed.contract.get("required", ())
        order = self.feed.contract.get("order") or sorted(agreed)
        return [(name, agreed[name], name in required) for name in order if name in agreed]


def list_feeds(principal: Principal) -> list[FeedRow]:
    feeds = list(DataFeed.objects.visible_to(principal).select_related("book").order_by("name", "pk"))
    newest = DataFeedFile.objects.filter(feed__in=feeds).order_by("feed", "-pk").distinct("feed")
    last = {file.feed_id: file for file in newest.select_related("source_import")}
    return [FeedRow(feed, last.get(feed.pk)) for feed in feeds]


def list_feed_files(feed: DataFeed) -> list[DataFeedFile]:
    """Return what the feed brought lately, the newest first."""
    return list(feed.files.select_related("source_import").order_by("-pk")[:FILES_SHOWN])


def feed_state(feed: DataFeed) -> str:
    """Return off, stopped, trouble, waiting or running."""
    if not feed.is_enabled:
        return "off"
    if feed.state == DataFeed.State.STOPPED:
        return "stopped"
    return "trouble" if feed.problem else str(feed.state)
