"""Reading of feeds into products: a reader per feed format, and the report of what could not be used."""

from shoplens.feeds.feed import Feed, FeedMapping, read_feed
from shoplens.feeds.feed_fetcher import fetch_feed
from shoplens.feeds.formats import FORMATS, Format
from shoplens.feeds.ingestion import FeedCounts
from shoplens.feeds.report import Report, SummaryRow

__all__ = [
    "FORMATS",
    "Feed",
    "FeedCounts",
    "FeedMapping",
    "Format",
    "Report",
    "SummaryRow",
    "fetch_feed",
    "read_feed",
]
