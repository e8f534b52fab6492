"""The store that a command works on: its own, or, while a service has it, a copy that the service lends.

What a command makes of a copy is handed to the service, which adds what was written meanwhile and switches to it; the
command's process does the work, and no search waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from shoplens.build_run import Summary
from shoplens.catalogue import SummaryRow
from shoplens.errors import Refused, ShoplensError
from shoplens.index.durable import file_version
from shoplens.index.folders import Place
from shoplens.index.lent import CHANGED, borrowing
from shoplens.index.lock import ServedAt, served_at
from shoplens.settings import Settings
from shoplens.shop import Shop

SECONDS = 3_600.0
"""That a service may take to copy its store, or to take it back."""


@contextmanager
def opened_shop(settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False) -> Iterator[Shop]:
    """The shop of a command.

    Args:
        settings: name the store.
        writes: whether what becomes of a copy is handed to the service.
        kept: whether generations that can be gone back to are needed, too.
        bare: whether no generation is needed, but what lies beside them.

    Raises:
        StoreError: as :class:`~shoplens.shop.Shop`.
        ServiceError: the service does not lend its store, or does not take it back.
        Refused: the service embeds by another model than the command would.
    """
    how = borrowed(settings, writes=writes, kept=kept, bare=bare)
    with how as (lent, used), Shop(settings=used, _lent=lent) as shop:
        yield shop


@contextmanager
def borrowed(
    settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False
) -> Iterator[tuple[Path | None, Settings]]:
    """Where the copy lies, and settings with the service's model; None where no service has the store. See
    :func:`opened_shop`."""
    service = served_at(settings.store)
    if service is None:
        yield None, settings
        return
    with borrowing(settings.store.absolute(), writes=writes, wait=settings.lock_wait) as folder:
        if bare:
            yield folder, settings
            return
        told = _asked(service, "lend", {"name": folder.name, "kept": kept})
        model = Path(told["model"]) if told["model"] else None
        if writes and settings.model is not None and settings.model.absolute() != model:
            raise Refused(
                f"The service embeds by {model or 'the shipped model'}, and this command by {settings.model}.",
                "Stop the service, run the command, and serve with the same --model.",
                code="other-model",
            )
        before = _version(folder)
        yield folder, replace(settings, model=settings.model or model)
        if writes and (_version(folder) != before or (folder / CHANGED).exists()):
            _hand_over(service, settings, keep=bool(Place(folder).kept()))


def gone_back(settings: Settings, name: str) -> Summary | None:
    """What the service did to go back to a generation; None where none has the store."""
    service = served_at(settings.store)
    if service is None:
        return None
    told = _asked(service, "back", {"name": name})
    report = told["report"] and Path(told["report"])
    return Summary(**{**told, "report": report, "problems": [SummaryRow(*row) for row in told["problems"]]})


def _hand_over(service: ServedAt, settings: Settings, *, keep: bool) -> None:
    try:
        _asked(service, "take", {"keep": keep})
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        with Shop(settings=settings) as shop:  # it has ended meanwhile
            shop.take_back(keep=keep)


def _asked(service: ServedAt, what: str, body: dict[str, Any]) -> Any:
    from shoplens.client import Client  # what it needs takes a while to load

    with Client(service.address, service.secret, SECONDS) as client:
        return client.command(what, body)


def _version(folder: Path) -> tuple[object, ...]:
    """Differs when a command made another generation, or gave its own other files."""
    place = Place(folder)
    name = place.current() or ""
    files = [path for path in (place.generations / name).iterdir() if path.is_file()]
    return name, frozenset((path.name, file_version(path)) for path in files)
