"""What the tests of this folder share."""

from tests.fetching.fixtures import guarded, near, pauses, server, settings

__all__ = ["guarded", "near", "pauses", "server", "settings"]
