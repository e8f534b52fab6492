"""The store that a command works on: its own, or, while a service has it open, a copy that the service lends.

The command's process does the work. What it makes of a copy goes back to the service, which adds what was written
meanwhile and switches to it.

Modules that take a while to load are imported when they are used, so that help and errors of usage come at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoplens.errors import Refused, ShoplensError
from shoplens.feedback.events import Event, read_events
from shoplens.feeds import SummaryRow
from shoplens.settings import Settings
from shoplens.store.copies.snapshot_folders import CHANGED, open_snapshot_folder
from shoplens.store.files.atomic import BROKEN_SEAL, SEAL, file_version, sync_tree
from shoplens.store.files.lock import ServiceAddress, find_service
from shoplens.store.layout import StoreLayout

if TYPE_CHECKING:
    from shoplens.build.run import Summary
    from shoplens.shop import Shop
    from shoplens.shop.feedback import FeedbackSummary

MAX_SECONDS = 3_600.0
"""How long a service may take to copy its store, or to take a copy back."""
SEALS = {SEAL, BROKEN_SEAL}
"""Files of a generation that a command may write though it changes nothing."""
BUSY_CODES = {"busy", "waited-too-long", "no-answer"}
"""Errors of a service that has too much to do now."""


@contextmanager
def open_shop(settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False) -> Iterator[Shop]:
    """Open the shop of a command.

    Args:
        settings: they name the store.
        writes: whether a changed copy goes back to the service.
        kept: whether the copy needs the kept generations, too.
        bare: whether the command needs no generation, but only the files beside them.

    Raises:
        StoreError: as :class:`~shoplens.shop.Shop`.
        ServiceError: the service does not lend its store, or does not take the copy back.
        Refused: the command uses another model than the service.
    """
    from shoplens.shop import Shop

    access = open_snapshot(settings, writes=writes, kept=kept, bare=bare)
    with access as (snapshot, used), Shop(settings=used, _snapshot=snapshot) as shop:
        yield shop


@contextmanager
def open_snapshot(
    settings: Settings, *, writes: bool = False, kept: bool = False, bare: bool = False
) -> Iterator[tuple[Path | None, Settings]]:
    """Yield the folder of the copy, None where no service has the store, and settings with the service's model.

    For the arguments see :func:`open_shop`.
    """
    from shoplens.embedders import network_file

    with ExitStack() as stack:
        service = find_service(settings.store)
        if service is not None:
            folder = stack.enter_context(_open_folder(settings, writes=writes))
            if bare:
                yield folder, settings
                return
            answer = _request_snapshot(service, folder, kept=kept)
        if service is None or answer is None:  # there is no service, or it is ending
            stack.close()
            yield None, settings
            return
        model = Path(answer["model"]) if answer["model"] else None
        if (
            writes
            and settings.model is not None
            and model is not None  # else the service follows the model of the live generation
            and model != network_file(settings.model, models=settings.models).resolve()
        ):
            raise Refused(
                f"The service uses {model}, but this command uses {settings.model}.",
                "Stop the service, run the command, and start the service with the same --model.",
                code="other-model",
            )
        before = _read_version(folder)
        yield folder, replace(settings, model=settings.model or model)
        if writes and (_read_version(folder) != before or (folder / CHANGED).exists()):
            _return_snapshot(service, settings, folder)


def _open_folder(settings: Settings, *, writes: bool) -> AbstractContextManager[Path]:
    return open_snapshot_folder(settings.store.absolute(), writes=writes, wait=settings.lock_wait)


def _request_snapshot(service: ServiceAddress, folder: Path, *, kept: bool) -> dict[str, str] | None:
    """Return what the service says of the copy that it made; None where it does not answer."""
    try:
        answer: dict[str, str] = _send_command(service, "snapshot", {"name": folder.name, "kept": kept})
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        return None
    return answer


def request_rollback(settings: Settings, name: str) -> Summary | None:
    """Have the service go back to a generation, and return what it did; None where no service has the store."""
    from shoplens.build.run import Summary

    service = find_service(settings.store)
    if service is None:
        return None
    with _open_folder(settings, writes=True):  # no other command changes the store meanwhile
        answer = _send_command(service, "roll-back", {"name": name})
    report = answer["report"] and Path(answer["report"])
    return Summary(**{**answer, "report": report, "problems": [SummaryRow(*row) for row in answer["problems"]]})


def send_feedback(settings: Settings, events: Path | Event) -> FeedbackSummary | None:
    """Send the service a file of events, or one event, and return what it did; None where no service has the store.

    Raises:
        FeedError: as :func:`~shoplens.feedback.events.read_events`.
    """
    from shoplens.shop.feedback import FeedbackSummary

    service = find_service(settings.store)
    if service is None:
        return None
    body: dict[str, Any] = (
        {"events": [asdict(events)]} if isinstance(events, Event) else {"file": str(events.absolute())}
    )
    if isinstance(events, Path):
        next(read_events(events), None)  # a file that cannot be read is the same error as without a service
    try:
        answer = _send_command(service, "feedback", body)
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        return None
    problems = tuple(SummaryRow(*row) for row in answer["problems"])
    return FeedbackSummary(**{**answer, "report": Path(answer["report"]), "problems": problems})


def request_backup(settings: Settings, folder: Path) -> int | None:
    """Have the service copy its store to a folder, and return how many products; None where no service has it."""
    service = find_service(settings.store)
    if service is None:
        return None
    return int(_send_command(service, "backup", {"folder": str(folder.absolute())})["products"])


def _return_snapshot(service: ServiceAddress, settings: Settings, folder: Path) -> None:
    """Have the service switch to the changed copy. Where it ended meanwhile, switch the store itself."""
    layout = StoreLayout(folder)
    sync_tree(layout.generations / (layout.current() or ""))
    keep = bool(layout.kept_folders())
    try:
        _send_command(service, "adopt", {"keep": keep})
    except ShoplensError as problem:
        if problem.code != "no-answer":
            raise
        from shoplens.shop import Shop

        with Shop(settings=replace(settings, lock_wait=MAX_SECONDS)) as shop:  # the service may still be ending
            shop.snapshots.take_back(keep=keep)


def _send_command(service: ServiceAddress, command: str, body: dict[str, Any]) -> Any:
    from shoplens.client import Client, ServiceError

    end = time.monotonic() + MAX_SECONDS
    while True:
        try:
            with Client(service.address, service.secret, MAX_SECONDS) as client:
                return client.command(command, body)
        except ServiceError as problem:
            if problem.status != 503 or problem.code not in BUSY_CODES or time.monotonic() > end:
                raise
            time.sleep(1.0)


def _read_version(folder: Path) -> tuple[object, ...]:
    """Return a value that differs after a command made another generation, or other files of the same one."""
    layout = StoreLayout(folder)
    name = layout.current() or ""
    files = [path for path in (layout.generations / name).iterdir() if path.is_file() and path.name not in SEALS]
    return name, frozenset((path.name, file_version(path)) for path in files)
