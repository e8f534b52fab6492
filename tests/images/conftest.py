"""What the tests of this folder share."""

from tests.fetching.fixtures import make_fetcher, make_guarded_fetcher, pauses, server, settings

__all__ = ["make_fetcher", "make_guarded_fetcher", "pauses", "server", "settings"]
