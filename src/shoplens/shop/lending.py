"""What a service does for commands: the part of :class:`~shoplens.shop.shop.Shop` that lends and takes back."""

from __future__ import annotations

from shoplens.build.builder import Builder
from shoplens.build.run import Progress, Summary
from shoplens.store.store import Store


class Lending:
    """Of a store that is open."""

    _store: Store

    def announce(self, address: str = "", secret: str = "") -> None:
        """Tell commands where the service is that has the store, and the secret by which it knows them; without an
        address, that there is none."""
        self._store.announce(address, secret)

    def lend(self, name: str, *, kept: bool = False) -> None:
        """Copy the live generation (and those that are kept) to where a command waits for it."""
        self._store.lend(name, kept=kept)

    def take_back(self, *, keep: bool = False) -> Summary:
        """Make live what a command made of its copy, with all that was written since: one switch, no search fails.

        Args:
            keep: the generation before, so that it can be gone back to.

        Raises:
            StoreError: ``other-model``, ``not-lent``, ``another-generation``; nothing was changed.
        """
        return self._builder(None).take_back(keep=keep)

    def _builder(self, progress: Progress | None) -> Builder:
        raise NotImplementedError
