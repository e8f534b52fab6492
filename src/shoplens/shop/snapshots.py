"""What a service does for commands that run beside it: copies of the live generation, and the way back."""

from __future__ import annotations

from shoplens.build.generations import take_back
from shoplens.build.run import Summary
from shoplens.shop.parts import ShopParts
from shoplens.store.copies.snapshot import write_snapshot


class ShopSnapshots:
    """Snapshots of an open shop's live generation."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def announce(self, address: str = "", secret: str = "") -> None:
        """Write down for commands where the service is that has the store.

        Args:
            address: of the service; empty when no service has the store any more.
            secret: by which the service recognises commands of the store's user.
        """
        self._parts.store.announce(address, secret)

    def write(self, name: str, *, kept: bool = False) -> None:
        """Copy the live generation, and the kept ones where ``kept``, to the folder of a command that waits for it."""
        write_snapshot(self._parts.store, name, kept=kept)

    def take_back(self, *, keep: bool = False) -> Summary:
        """Make live what a command made of its snapshot, with everything that was written since.

        The switch is one step; no search fails.

        Args:
            keep: whether to keep the generation before, so that it can be gone back to.

        Raises:
            StoreError: ``other-model``, ``no-snapshot``, ``another-generation``; nothing was changed.
        """
        return take_back(self._parts.builder(), keep=keep)
