"""Opens the store of a shop: in a folder, or on a Qdrant server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.build.builder import Workers
from shoplens.errors import Refused, SettingsError
from shoplens.index.protocol import OpenIndex
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.settings import Settings
from shoplens.store.copies.copy_store import copy_store
from shoplens.store.copies.restoring import restore
from shoplens.store.layout import Layout, StoreLayout
from shoplens.store.store import Store
from shoplens.types import Progress
from shoplens.types.progress import ignore_progress

if TYPE_CHECKING:
    from shoplens.store.server.server_layout import ServerLayout


def open_store(settings: Settings, *, create: bool, rebuild: bool, snapshot: Path | None, engine: OpenIndex) -> Store:
    """Open the store that the settings name; for the arguments see :class:`~shoplens.store.store.Store`.

    Args:
        engine: opens the indexes of a store in a folder.

    Raises:
        SettingsError: the extra for servers is missing, or a setting of the server is wrong.
        StoreError: as :class:`~shoplens.store.store.Store`; ``server-unavailable``, ``no-object-store``, ….
    """
    wait = settings.lock_wait
    if not settings.server:
        return Store(settings.store, create=create, rebuild=rebuild, lock_wait=wait, snapshot=snapshot, engine=engine)
    layout = _open_server(settings)
    return Store(
        settings.store, create=create, rebuild=rebuild, lock_wait=wait, engine=layout.open_index, layout=layout
    )


@contextmanager
def open_shared_files(settings: Settings) -> Iterator[Layout]:
    """Give the files of a store that all generations share, its keys for example, as they are now; store changes."""
    layout = _open_server(settings) if settings.server else StoreLayout(settings.store)
    try:
        yield layout
        layout.publish_shared()
    finally:
        layout.close()


def open_workers(ray: str) -> Workers | None:
    """Return the workers of the Ray cluster at an address; None where there is no address.

    Raises:
        SettingsError: the extra is missing.
    """
    if not ray:
        return None
    from shoplens.build.ray.ray_build import RayBuild

    return RayBuild(ray)


def copy_to(source: Store, target: Settings, *, replace: bool = False, progress: Progress | None = None) -> int:
    """Copy the live generation of a store to the store of other settings, and return the number of products.

    Raises:
        Refused, StoreError: as :func:`~shoplens.store.copies.copy_store.copy_store`.
    """
    opened = open_store(target, create=True, rebuild=False, snapshot=None, engine=QdrantIndex)
    try:
        return copy_store(source, opened, progress or ignore_progress, replace_live=replace)
    finally:
        opened.close()


def restore_backup(backup: Path, target: Settings, *, replace: bool) -> None:
    """Restore a backup to the store of these settings.

    Raises:
        Refused: the store is on a server; or it is there already, and ``replace`` is false.
    """
    if target.server:
        raise Refused(
            "A backup is restored to a folder, not to a server.",
            "Restore it to a folder, and copy that with `shoplens copy` to the server.",
        )
    restore(backup, target.store, replace_store=replace, lock_wait=target.lock_wait)


def _open_server(settings: Settings) -> ServerLayout:
    try:
        from shoplens.store.server.server_store import open_server_layout
    except ImportError as problem:
        raise SettingsError(
            f"A store on a server needs packages that are missing: {problem}.",
            "Install pip install 'shoplens[cluster]'.",
        ) from None
    return open_server_layout(settings)
