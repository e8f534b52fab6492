"""Opens a store that is on a Qdrant server."""

from __future__ import annotations

from shoplens.index.qdrant_server.connection import connect
from shoplens.settings import Settings
from shoplens.settings.server_address import parse_address
from shoplens.store.server.objects import ObjectStore, default_root
from shoplens.store.server.server_layout import ServerLayout


def open_server_layout(settings: Settings) -> ServerLayout:
    """Connect to the server and to the object store of a store.

    Args:
        settings: ``server`` names the store, and ``store`` the working folder of this process.

    Raises:
        SettingsError: the address or the object store cannot be used.
        StoreError: ``server-unavailable``, ``no-object-store``, ….
    """
    settings.store.mkdir(parents=True, exist_ok=True)
    objects = ObjectStore(settings.object_store or default_root(settings.work_folder_of_server))
    layout = ServerLayout(
        settings.store.absolute(), connect(parse_address(settings.server), settings), objects, settings
    )
    layout.pull_shared()
    return layout
