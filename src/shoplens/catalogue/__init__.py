"""Feed to products: one file per feed format, and the report of what could not be used."""

from shoplens.catalogue.feed import Feed, read_feed
from shoplens.catalogue.filling import FeedCounts
from shoplens.catalogue.formats import FORMATS, Format
from shoplens.catalogue.report import Report, SummaryRow

__all__ = ["FORMATS", "Feed", "FeedCounts", "Format", "Report", "SummaryRow", "read_feed"]
