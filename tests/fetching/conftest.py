"""The fixtures of this folder's tests."""

from tests.fetching.fixtures import make_fetcher, make_guarded_fetcher, pauses, server, settings

__all__ = ["make_fetcher", "make_guarded_fetcher", "pauses", "server", "settings"]
