"""One frozen :class:`Settings`; the only reader of the environment and of ``shoplens.toml``.

Order: what a caller passes, ``SHOPLENS_<NAME>`` (an empty one counts as not set), ``shoplens.toml`` in the working
directory, the default.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shoplens import __version__
from shoplens.errors import SettingsError
from shoplens.preferences import TABLES, Preferences, preferences_from

PREFIX = "SHOPLENS_"
FILE = "shoplens.toml"
PREFERENCES = "preferences"
_USER_AGENT = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with its default.

    ``preferences`` holds the tables of ``shoplens.toml`` and no variable sets it; all others are single values.
    ``help`` of each field is what ``docs/store.md`` says of it; `shoplens info --json` prints those in force.
    """

    store: Path = field(default=Path("shoplens-store"), metadata={"help": "folder of the store"})
    data: Path | None = field(default=None, metadata={"help": "folder with real catalogues for `make demo`"})
    model: Path | None = field(
        default=None, metadata={"help": "ONNX file of another embedder, with a JSON card beside it; default: shipped"}
    )
    threads: int = field(default=0, metadata={"help": "CPU threads; 0: as many as there are cores"})
    allow_private: bool = field(
        default=False, metadata={"help": "fetch photos and feeds from private, loopback and link-local addresses too"}
    )
    fetch_per_host: int = field(default=4, metadata={"help": "photos fetched at once from one host"})
    fetch_attempts: int = field(default=4, metadata={"help": "tries per photo, with growing pauses"})
    fetch_timeout: float = field(default=20.0, metadata={"help": "seconds per try, the whole body included"})
    feed_timeout: float = field(default=600.0, metadata={"help": "seconds for fetching a feed from its address"})
    max_feed_bytes: int = field(
        default=4_000_000_000, metadata={"help": "largest feed that is fetched or unpacked, in bytes"}
    )
    user_agent: str = field(
        default=f"shoplens/{__version__}",
        metadata={"help": "name under which photos are fetched, the `User-Agent` of every request"},
    )
    max_photo_bytes: int = field(default=30_000_000, metadata={"help": "largest photo file, in bytes"})
    max_photo_pixels: int = field(default=80_000_000, metadata={"help": "largest photo, width x height"})
    max_aspect: float = field(default=20.0, metadata={"help": "largest ratio of a photo's longer to its shorter side"})
    kept_photo_bytes: int = field(default=10_000_000_000, metadata={"help": "space for fetched photos, in bytes"})
    precision: float = field(
        default=0.95, metadata={"help": "share of `exact` and of `not in this catalogue` that must be right, .5 to .99"}
    )
    lock_wait: float = field(default=5.0, metadata={"help": "seconds to wait for a store that another process uses"})
    remember: bool = field(
        default=False, metadata={"help": "keep what answers showed, never photos, to learn from clicks"}
    )
    remember_days: float = field(
        default=90.0, metadata={"help": "days that answers, and what was done with them, are kept"}
    )
    backups: Path | None = field(default=None, metadata={"help": "folder in which a service may make backups"})
    host: str = field(default="127.0.0.1", metadata={"help": "address that `serve` listens on"})
    port: int = field(default=8000, metadata={"help": "port that `serve` listens on; 0: any that is free"})
    open_search: bool = field(
        default=True, metadata={"help": "searching needs no key, as long as `host` is a loopback address"}
    )
    cors: str = field(default="", metadata={"help": "web pages that may search, e.g. `https://shop.example`; commas"})
    rate: int = field(default=120, metadata={"help": "requests a minute of one key, or of one address without; 0: any"})
    queue: int = field(default=32, metadata={"help": "requests that may wait for the processor; more are refused"})
    request_seconds: float = field(
        default=20.0, metadata={"help": "seconds that a request may take to arrive, and to wait"}
    )
    preferences: Preferences = field(
        default_factory=Preferences,
        hash=False,
        metadata={
            "help": "dimensions, weights, profiles, merchandising and the map of a feed: tables of `shoplens.toml` only"
        },
    )

    def __post_init__(self) -> None:
        for name, lowest in {
            "threads": 0,
            "fetch_per_host": 1,
            "fetch_attempts": 1,
            "fetch_timeout": 0.01,
            "feed_timeout": 0.01,
            "max_feed_bytes": 1,
            "max_photo_bytes": 1,
            "max_photo_pixels": 1,
            "max_aspect": 1,
            "kept_photo_bytes": 0,
            "lock_wait": 0,
            "remember_days": 0,
            "port": 0,
            "rate": 0,
            "queue": 1,
            "request_seconds": 0.01,
        }.items():
            if not getattr(self, name) >= lowest:
                raise SettingsError(f"{name} is {getattr(self, name)!r}.", f"Set it to {lowest} or more.")
        if not 0.5 <= self.precision <= 0.99:
            raise SettingsError(f"precision is {self.precision!r}.", "Set it to 0.50 to 0.99.")
        if not _USER_AGENT.fullmatch(self.user_agent):
            raise SettingsError(
                f"user_agent is {self.user_agent[:300]!r}.",
                "Give 1 to 256 printable ASCII characters on one line, without spaces around them, "
                "e.g. 'shoplens (+https://shop.example/contact)'.",
            )

    @property
    def cores(self) -> int:
        """Threads to use, at least 1."""
        if self.threads:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settings_from(environment: Mapping[str, str] | None = None, folder: Path | None = None, **given: Any) -> Settings:
    """Settings from what is ``given`` (None counts as not given), the environment and ``shoplens.toml``.

    Raises:
        SettingsError: an unknown name in ``shoplens.toml``, a value of the wrong type, or settings that contradict
            each other.
    """
    environment = os.environ if environment is None else environment
    fields = {f.name: f for f in dataclasses.fields(Settings) if f.name != PREFERENCES}
    path = (folder or Path.cwd()) / FILE
    found = _file_values(path)
    values: dict[str, Any] = {PREFERENCES: _preferences(found, path)}
    for name in (name for name in found if name not in TABLES):
        if name not in fields:
            known = ", ".join([*fields, *(f"[{table}]" for table in TABLES)])
            raise SettingsError(f"{path} sets {name!r}, which does not exist.", f"There are: {known}.")
        values[name] = _convert(fields[name], found[name], f"{name} in {path}")
    for name in fields:
        if text := environment.get(PREFIX + name.upper()):
            values[name] = _convert(fields[name], text, PREFIX + name.upper())
    values.update({name: value for name, value in given.items() if value is not None})
    return Settings(**values)


def _file_values(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path} is not valid TOML: {problem}.", "Mend that line.") from None


def _preferences(found: Mapping[str, Any], path: Path) -> Preferences:
    try:
        return preferences_from({name: found[name] for name in TABLES if name in found}, path.absolute().parent)
    except SettingsError as odd:
        raise SettingsError(f"{path}: {odd.problem}", odd.fix, code=odd.code) from None


def _convert(setting: dataclasses.Field[Any], value: Any, where: str) -> Any:
    kind = str(setting.type)
    try:
        if kind.startswith("Path"):
            return Path(value).expanduser()
        if kind == "bool":
            return (
                value
                if isinstance(value, bool)
                else {"1": True, "true": True, "0": False, "false": False}[str(value).strip().lower()]
            )
        if kind == "str":
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return int(str(value)) if kind == "int" else float(str(value))
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{where} is {value!r}.", f"It must be a {kind}: {setting.metadata['help']}.") from None
