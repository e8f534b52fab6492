"""The store that a command works on: its own, or, while a service has it, a copy that the service lends.

What a command makes of a copy is handed to the service, which adds what was written meanwhile and switches to it; the
command's process does the work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from shoplens.build.run import Summary
from shoplens.errors import Refused, ShoplensError
from shoplens.feedback.events import Event, events_in
from shoplens.feeds import SummaryRow
from shoplens.settings import Settings
from shoplens.shop import Shop
from shoplens.shop.feedback import FeedbackSummary
from shoplens.store.copies.snapshot_folders import CHANGED, open_snapshot_folder
from shoplens.store.files.atomic import file_version, sync_tree
from shoplens.store.files.lock import ServedAt, find_service
from shoplens.store.layout import StoreLayout

SECONDS = 3_600.0
"""That a service may take to copy its store, or to take it back."""
BUSY = {"busy", "waited-too-long", "no-answer"}
"""Codes with which a service that has too much to do says so."""


@contextmanager
def open_shop(settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False) -> Iterator[Shop]:
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
    how = open_snapshot(settings, writes=writes, kept=kept, bare=bare)
    with how as (snapshot, used), Shop(settings=used, _snapshot=snapshot) as shop:
        yield shop


@contextmanager
def open_snapshot(
    settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False
) -> Iterator[tuple[Path | None, Settings]]:
    """Where the copy lies, and settings with the service's model; None where no service has the store. See
    :func:`open_shop`."""
    with ExitStack() as stack:
        service = find_service(settings.store)
        if service is not None:
            folder = stack.enter_context(_borrowing(settings, writes=writes))
            if bare:
                yield folder, settings
                return
            told = _request_snapshot(service, folder, kept=kept)
        if service is None or told is None:  # none, or one that is ending
            stack.close()
            yield None, settings
            return
        model = Path(told["model"]) if told["model"] else None
        if writes and settings.model is not None and model != settings.model.resolve():
            raise Refused(
                f"The service embeds by {model or 'the shipped model'}, and this command by {settings.model}.",
                "Stop the service, run the command, and serve with the same --model.",
                code="other-model",
            )
        before = _version(folder)
        yield folder, replace(settings, model=settings.model or model)
        if writes and (_version(folder) != before or (folder / CHANGED).exists()):
            _hand_over(service, settings, folder)


def _borrowing(settings: Settings, *, writes: bool) -> AbstractContextManager[Path]:
    return open_snapshot_folder(settings.store.absolute(), writes=writes, wait=settings.lock_wait)


def _request_snapshot(service: ServedAt, folder: Path, *, kept: bool) -> dict[str, str] | None:
    """What the service says of the copy that it made; None where it does not answer."""
    try:
        found: dict[str, str] = _send_command(service, "snapshot", {"name": folder.name, "kept": kept})
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        return None
    return found


def request_rollback(settings: Settings, name: str) -> Summary | None:
    """What the service did to go back to a generation; None where none has the store."""
    service = find_service(settings.store)
    if service is None:
        return None
    with _borrowing(settings, writes=True):  # no other command changes the store meanwhile
        told = _send_command(service, "roll-back", {"name": name})
    report = told["report"] and Path(told["report"])
    return Summary(**{**told, "report": report, "problems": [SummaryRow(*row) for row in told["problems"]]})


def send_feedback(settings: Settings, events: Path | Event) -> FeedbackSummary | None:
    """What the service made of a file of events, or of one event; None where none has the store.

    Raises:
        FeedError: as :func:`~shoplens.feedback.events.events_in`.
    """
    service = find_service(settings.store)
    if service is None:
        return None
    body: dict[str, Any] = (
        {"events": [asdict(events)]} if isinstance(events, Event) else {"file": str(events.absolute())}
    )
    if isinstance(events, Path):
        next(events_in(events), None)  # who cannot read it tells so here, as without a service
    try:
        told = _send_command(service, "feedback", body)
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        return None
    problems = tuple(SummaryRow(*row) for row in told["problems"])
    return FeedbackSummary(**{**told, "report": Path(told["report"]), "problems": problems})


def request_backup(settings: Settings, folder: Path) -> int | None:
    """How many products the service copied to a folder; None where none has the store."""
    service = find_service(settings.store)
    return (
        None
        if service is None
        else int(_send_command(service, "backup", {"folder": str(folder.absolute())})["products"])
    )


def _hand_over(service: ServedAt, settings: Settings, folder: Path) -> None:
    """Have the service take what the command made; without it, as one that ended meanwhile, the store itself."""
    place = StoreLayout(folder)
    sync_tree(place.generations / (place.current() or ""))
    keep = bool(place.kept())
    try:
        _send_command(service, "adopt", {"keep": keep})
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        with Shop(settings=replace(settings, lock_wait=SECONDS)) as shop:  # as long as it takes to end
            shop.snapshots.take_back(keep=keep)


def _send_command(service: ServedAt, what: str, body: dict[str, Any]) -> Any:
    from shoplens.client import Client, ServiceError  # what it needs takes a while to load

    end = time.monotonic() + SECONDS
    while True:
        try:
            with Client(service.address, service.secret, SECONDS) as client:
                return client.command(what, body)
        except ServiceError as problem:
            if problem.status != 503 or problem.code not in BUSY or time.monotonic() > end:
                raise
            time.sleep(1.0)


def _version(folder: Path) -> tuple[object, ...]:
    """Differs when a command made another generation, or gave its own other files."""
    place = StoreLayout(folder)
    name = place.current() or ""
    files = [path for path in (place.generations / name).iterdir() if path.is_file()]
    return name, frozenset((path.name, file_version(path)) for path in files)
