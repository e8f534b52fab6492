"""One frozen :class:`Settings`; the only reader of the environment and of ``shoplens.toml``.

The first of these that has a value wins: what a caller passes, ``SHOPLENS_<NAME>`` (an empty variable counts as not
set), ``shoplens.toml`` in the working directory, the default.
"""
# ruff: noqa: RUF009 - a call of `_setting` gives a dataclass field

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from shoplens import __version__
from shoplens.errors import SettingsError
from shoplens.settings.preferences import TABLES, Preferences, preferences_from
from shoplens.settings.server_address import is_server_address, parse_address

PREFIX = "SHOPLENS_"
FILE = "shoplens.toml"
PREFERENCES = "preferences"
_USER_AGENT = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_LOGO = re.compile(r"https?://[!#-:<-~]{1,2000}")
_SITE = re.compile(r"\*|https?://[^\s/?#,@]+")
_CHOICES: dict[str, tuple[re.Pattern[str], str]] = {
    "qdrant_read_consistency": (re.compile(r"[1-9]\d{0,2}|majority|quorum|all|"), "a number, majority, quorum or all"),
    "qdrant_quantization": (re.compile("int8|binary|none"), "int8, binary or none"),
    "qdrant_tenant": (re.compile(r"[A-Za-z0-9][\w.-]{0,99}|"), "letters, digits, dots and hyphens, a name of a folder"),
}
"""Settings of a Qdrant server -> what they may be, in symbols and in words."""
_CURRENCY = re.compile("[A-Z]{3}")
_URL_TEMPLATE = re.compile(r"https?://[^{}\s]+(\{(id|group_id|url)\}[^{}\s]*)+")
_Value = TypeVar("_Value")


def _setting(default: _Value, meaning: str, *, lowest: float | None = None, highest: float | None = None) -> _Value:
    """Return a field of :class:`Settings`: its default, what ``docs/store.md`` says of it, and its range."""
    return field(default=default, metadata={"help": meaning, "lowest": lowest, "highest": highest})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with its default.

    ``preferences`` holds the tables of ``shoplens.toml``, and no variable sets it; all others are single values.
    `shoplens info --json` prints the settings in force.

    Raises:
        SettingsError: a value is out of its range, or the user agent cannot be sent.
    """

    store: Path = _setting(
        Path("shoplens-store"), "folder of the store, or `qdrant://host:6334/name` for one on a Qdrant server"
    )
    data: Path | None = _setting(None, "folder with real catalogues for `make demo`")
    model: Path | None = _setting(
        None, "another model: its name in `shoplens models`, or an ONNX file; default: shipped"
    )
    model_folder: Path | None = _setting(
        None, "folder of the models that `shoplens models add` adds; default: `~/.local/share/shoplens/models`"
    )
    providers: str = _setting(
        "",
        "what runs the model, in order, e.g. `CUDA, CPU`; default: all that ONNX Runtime has, the fastest first",
    )
    objects: bool = _setting(
        True, "whether photos are framed to the object in them, and the object is compared by itself; for new stores"
    )
    synonyms: Path | None = _setting(None, "TOML file with the shop's own words for `--text`; default: none")
    tune: bool = _setting(True, "whether `index` and `train filters` choose the weights of color and object by photos")
    read_text: bool = _setting(
        True, "whether words in photos are read and compared, where the extra `text` is installed"
    )
    read_seconds: float = _setting(
        0.5, "longest time for reading the words in a query photo; what was read until then counts", lowest=0
    )
    threads: int = _setting(0, "number of CPU threads; 0: one per core", lowest=0)
    allow_private: bool = _setting(
        False, "whether photos and feeds may come from private, loopback and link-local addresses"
    )
    fetch_per_host: int = _setting(4, "photos fetched at once from one host", lowest=1)
    fetch_attempts: int = _setting(4, "attempts per photo, with growing pauses between them", lowest=1)
    fetch_timeout: float = _setting(20.0, "seconds per attempt, including the whole body", lowest=0.01)
    feed_timeout: float = _setting(600.0, "seconds for fetching a feed from its address", lowest=0.01)
    max_feed_bytes: int = _setting(4_000_000_000, "largest feed that is fetched or unpacked, in bytes", lowest=1)
    user_agent: str = _setting(f"shoplens/{__version__}", "`User-Agent` of every request for photos and feeds")
    max_photo_bytes: int = _setting(30_000_000, "largest photo file, in bytes", lowest=1)
    max_photo_pixels: int = _setting(80_000_000, "largest photo, width × height in pixels", lowest=1)
    max_query_bytes: int = _setting(20_000_000, "largest file of a query photo, in bytes", lowest=1)
    max_query_pixels: int = _setting(52_000_000, "largest query photo, width × height in pixels", lowest=1)
    max_aspect: float = _setting(20.0, "largest ratio of a photo's longer side to its shorter side", lowest=1)
    kept_photo_bytes: int = _setting(10_000_000_000, "disk space for fetched photos, in bytes", lowest=0)
    precision: float = _setting(
        0.95,
        "share of `exact` and of `not in this catalogue` that must be right, 0.50 to 0.99",
        lowest=0.5,
        highest=0.99,
    )
    lock_wait: float = _setting(5.0, "seconds to wait for a store that another process uses", lowest=0)
    remember: bool = _setting(False, "whether to store what answers showed, never photos, to learn from clicks")
    remember_days: float = _setting(90.0, "days for which answers, and what was done with them, are stored", lowest=0)
    backups: Path | None = _setting(None, "folder in which a service may make backups")
    host: str = _setting("127.0.0.1", "address on which `serve` listens")
    port: int = _setting(8000, "port on which `serve` listens; 0: any free port", lowest=0)
    open_search: bool = _setting(True, "whether searching needs no key while `host` is a loopback address")
    cors: str = _setting("", "web pages that may search, e.g. `https://shop.example`; separated by commas")
    shop_name: str = _setting("Shoplens", "name of the shop on the search page")
    shop_logo: str = _setting("", "http or https address of the shop's logo on the search page; default: its name")
    shop_accent: str = _setting("", "colour of the search page's buttons and links, as `#rrggbb`")
    page_key: str = _setting(
        "", "key with the role search that the search page uses, where searches need one; every visitor can read it"
    )
    traces: str = _setting("", "address that takes OpenTelemetry traces by OTLP over HTTP, with the extra `otel`")
    currency: str = _setting("", "currency of prices for which the feed gives none, e.g. `EUR`")
    url_template: str = _setting(
        "", "address of a product's page, e.g. `https://shop.example/{url}`; with `{id}`, `{group_id}` or `{url}`"
    )
    rate: int = _setting(120, "requests per minute of one client: a key and an address; 0: no limit", lowest=0)
    key_rate: int = _setting(6_000, "requests per minute of one key, from all addresses; 0: no limit", lowest=0)
    trusted_proxies: str = _setting(
        "", "addresses or networks of proxies whose `X-Forwarded-For` names the client; separated by commas"
    )
    address_connections: int = _setting(
        100, "connections of one address at the same time, unless it is a trusted proxy", lowest=1
    )
    queue: int = _setting(32, "requests that may wait for the processor; more are refused", lowest=1)
    request_seconds: float = _setting(20.0, "seconds that a request may take to arrive, and may wait", lowest=0.01)
    server: str = _setting(
        "", "address of a store on a Qdrant server, `qdrant://host:6334/name`; such a `store` sets it"
    )
    object_store: str = _setting(
        "", "folder or `s3://bucket/prefix` with the files of a store on a server; default: in the working folder"
    )
    work_folder: Path | None = _setting(
        None, "folder for what this machine keeps of stores on servers; default: `~/.cache/shoplens`"
    )
    refresh_seconds: float = _setting(
        2.0, "seconds between two looks of a replica for a new generation, new keys and new models", lowest=0.05
    )
    shared_state: str = _setting(
        "", "`redis://host:6379/0`, which replicas share for limits and encoded queries; default: each has its own"
    )
    qdrant_key: str = _setting("", "API key of the Qdrant server")
    qdrant_tls: bool = _setting(False, "whether the Qdrant server is spoken to by TLS")
    qdrant_ca: str = _setting("", "file with the certificate that signed the server's; default: the system's")
    qdrant_timeout: float = _setting(10.0, "seconds that one request to the Qdrant server may take", lowest=1)
    qdrant_shards: int = _setting(0, "shards of a new collection; 0: as many as the server chooses", lowest=0)
    qdrant_replicas: int = _setting(1, "copies of each shard of a new collection", lowest=1)
    qdrant_write_consistency: int = _setting(
        1, "copies that must have a write before it is acknowledged, of a new collection", lowest=1
    )
    qdrant_read_consistency: str = _setting(
        "", "copies that must agree on what is read: a number, `majority`, `quorum` or `all`; default: any one"
    )
    qdrant_on_disk: bool = _setting(False, "whether vectors and graphs of a new collection stay on disk")
    qdrant_quantization: str = _setting("int8", "codes beside the vectors of a new collection: int8, binary or none")
    qdrant_tenant: str = _setting("", "name of this shop, where several shops share one collection; default: none does")
    preferences: Preferences = field(
        default_factory=Preferences,
        hash=False,
        metadata={"help": "the tables of `shoplens.toml`: dimensions, weights, profiles, merchandising, map of a feed"},
    )

    def __post_init__(self) -> None:
        if is_server_address(self.store):
            address = parse_address(self.store)
            object.__setattr__(self, "server", str(address))
            object.__setattr__(self, "store", self.work_folder_of_server)
        for setting in dataclasses.fields(self):
            lowest, highest = setting.metadata.get("lowest"), setting.metadata.get("highest")
            value = getattr(self, setting.name)
            if lowest is None or lowest <= value <= (value if highest is None else highest):
                continue
            allowed = f"{lowest} or more" if highest is None else f"a number from {lowest:.2f} to {highest:.2f}"
            raise SettingsError(f"{setting.name} is {value!r}.", f"Set it to {allowed}.")
        for proxy in filter(None, map(str.strip, self.trusted_proxies.split(","))):
            try:
                ipaddress.ip_network(proxy, strict=False)
            except ValueError:
                raise SettingsError(
                    f"trusted_proxies names {proxy[:100]!r}.", "Give addresses or networks such as 10.0.0.0/8."
                ) from None
        if self.shop_accent and not _HEX.fullmatch(self.shop_accent):
            raise SettingsError(f"shop_accent is {self.shop_accent[:100]!r}.", "Write a colour such as #1d5c4d.")
        if self.shop_logo and not _LOGO.fullmatch(self.shop_logo):
            raise SettingsError(
                f"shop_logo is {self.shop_logo[:100]!r}.", "Give an http or https address of a picture."
            )
        for name, (pattern, told) in _CHOICES.items():
            if not pattern.fullmatch(value := getattr(self, name)):
                raise SettingsError(f"{name} is {value[:100]!r}.", f"Set it to {told}.")
        for site in self.cors_sites:
            if not _SITE.fullmatch(site):
                raise SettingsError(
                    f"cors names {site[:100]!r}.",
                    "Give sites with their scheme and without a path, such as https://shop.example, or * for all.",
                )
        if self.currency and not _CURRENCY.fullmatch(self.currency):
            raise SettingsError(f"currency is {self.currency[:100]!r}.", "Give the code of a currency, such as EUR.")
        if self.url_template and not _URL_TEMPLATE.fullmatch(self.url_template):
            raise SettingsError(
                f"url_template is {self.url_template[:300]!r}.",
                "Give an http or https address with {id}, {group_id} or {url}, such as https://shop.example/{url}.",
            )
        if not _USER_AGENT.fullmatch(self.user_agent):
            raise SettingsError(
                f"user_agent is {self.user_agent[:300]!r}.",
                "Give 1 to 256 printable ASCII characters on one line, without spaces around them, "
                "e.g. 'shoplens (+https://shop.example/contact)'.",
            )

    @property
    def cors_sites(self) -> tuple[str, ...]:
        """The web sites whose pages may search, as browsers write them: in small letters, without a slash behind."""
        return tuple(site.strip().rstrip("/").lower() for site in self.cors.split(",") if site.strip())

    @property
    def for_queries(self) -> Settings:
        """These settings, with the limits of query photos as those of photos."""
        return dataclasses.replace(
            self,
            max_photo_bytes=min(self.max_photo_bytes, self.max_query_bytes),
            max_photo_pixels=min(self.max_photo_pixels, self.max_query_pixels),
        )

    @property
    def models(self) -> Path:
        """The folder of the models that were added."""
        if self.model_folder is not None:
            return self.model_folder
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shoplens" / "models"

    @property
    def work_folder_of_server(self) -> Path:
        """The folder for what this machine keeps of the store on a server; a replica has one of its own."""
        parent = self.work_folder or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shoplens"
        key = hashlib.sha256(f"{self.server} {self.qdrant_tenant}".encode()).hexdigest()[:8]
        return parent / f"{parse_address(self.server).name}-{key}"

    @property
    def cores(self) -> int:
        """Number of CPU threads to use, at least 1."""
        if self.threads:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settings_from(environment: Mapping[str, str] | None = None, folder: Path | None = None, **given: Any) -> Settings:
    """Return the settings from what is ``given`` (None counts as not given), the environment and ``shoplens.toml``.

    Args:
        environment: variables; the process's own when omitted.
        folder: folder of ``shoplens.toml``; the working directory when omitted.
        given: values that win over all others, by the name of the setting.

    Raises:
        SettingsError: ``shoplens.toml`` has an unknown name, a value has the wrong type, or settings contradict each
            other.
    """
    environment = os.environ if environment is None else environment
    single = {setting.name: setting for setting in dataclasses.fields(Settings) if setting.name != PREFERENCES}
    path = (folder or Path.cwd()) / FILE
    file_values = _read_file(path)
    values: dict[str, Any] = {PREFERENCES: _read_preferences(file_values, path)}
    for name, value in file_values.items():
        if name in single:
            values[name] = _convert(single[name], value, f"{name} in {path}")
        elif name not in TABLES:
            known = ", ".join([*single, *(f"[{table}]" for table in TABLES)])
            raise SettingsError(f"{path} sets the unknown key {name!r}.", f"Known keys: {known}.")
    for name, setting in single.items():
        variable = PREFIX + name.upper()
        if text := environment.get(variable):
            values[name] = _convert(setting, text, variable)
    values.update({name: value for name, value in given.items() if value is not None})
    return Settings(**values)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Correct the file.") from None


def _read_preferences(file_values: Mapping[str, Any], path: Path) -> Preferences:
    tables = {name: file_values[name] for name in TABLES if name in file_values}
    try:
        return preferences_from(tables, path.absolute().parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.problem}", error.fix) from None


def _convert(setting: dataclasses.Field[Any], value: Any, place: str) -> object:
    """Return a value of the environment or of the file in the type of its setting."""
    kind, convert = _CONVERTERS[str(setting.type).removesuffix(" | None")]
    try:
        return convert(value)
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{place} is {value!r}.", f"It must be {kind}: {setting.metadata['help']}.") from None


_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_CONVERTERS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "Path": ("a path", lambda value: Path(value).expanduser()),
    "bool": ("true or false", lambda value: value if isinstance(value, bool) else _FLAGS[str(value).strip().lower()]),
    "int": ("a whole number", lambda value: int(str(value))),
    "float": ("a number", lambda value: float(str(value))),
    "str": ("a text", lambda value: ", ".join(map(str, value)) if isinstance(value, list) else str(value)),
}
"""Type of a setting -> what an error calls it, and the function that converts a value to it."""
