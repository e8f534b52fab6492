"""API keys, each with a role: a key is shown once, when it is created; the store keeps its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from shoplens.errors import InvalidValue, StoreError
from shoplens.store.files.atomic import change_file, file_version, timestamp
from shoplens.store.files.checked_json import dump_checked, parse_checked

Role = Literal["search", "desk", "write", "admin"]
ROLES: tuple[Role, ...] = ("search", "desk", "write", "admin")
"""What a key may do: search and send feedback; also merchandise and read statistics; also change products; everything,
the deletion of users included."""
INCLUDED: dict[Role, tuple[Role, ...]] = {
    "search": ("search",),
    "desk": ("search", "desk"),
    "write": ("search", "write"),
    "admin": ROLES,
}
"""Role -> the roles that it includes: merchandisers change no products, and a feed's job changes no merchandising."""
NAME = "keys.json"
PREFIX = "sl_"
MAX_NAME = 100
COMMANDS = "commands"
"""Id of the key of commands while the service runs; no client has it, and it has no rate limit."""


@dataclass(frozen=True, slots=True)
class Key:
    """What the store keeps of a key.

    Attributes:
        id: short name, for people.
        name: purpose of the key.
        role: what the key may do.
        hash: SHA-256 of the key, which has 256 random bits.
        created: time, UTC.
    """

    id: str
    name: str
    role: Role
    hash: str
    created: str

    def has_role(self, role: Role) -> bool:
        """Whether the key may do what this role may."""
        return role in INCLUDED[self.role]


class Keys:
    """The keys of a store; changes by other processes take effect at once.

    Args:
        folder: of the store.
        secret: by which a service recognises commands of its own user; empty for none.

    Raises:
        StoreError: ``damaged-keys``, from every method.
    """

    def __init__(self, folder: Path, secret: str = "") -> None:
        self.path = folder / NAME
        self._commands = Key(COMMANDS, COMMANDS, "admin", _hash_secret(secret), "") if secret else None
        self._version: tuple[int, ...] = ()
        self._keys: Sequence[Key] = ()

    def list_all(self) -> Sequence[Key]:
        """Return all keys, in the order in which they were created."""
        try:
            version = file_version(self.path)
        except FileNotFoundError:
            return ()
        if version != self._version:
            self._keys, self._version = self._parse(self.path.read_bytes()), version
        return self._keys

    def create(self, name: str, role: Role) -> tuple[str, Key]:
        """Create a key; return the key itself, which cannot be read later, and what the store keeps of it.

        Raises:
            InvalidValue: ``bad-key``.
        """
        if role not in ROLES:
            raise InvalidValue(f"--role is {role!r}.", f"Choose one of: {', '.join(ROLES)}.", code="bad-key")
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidValue(
                f"The name is {name[:MAX_NAME]!r}.", "Give the purpose of the key in a few words.", code="bad-key"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(secrets.token_hex(4), name.strip(), role, _hash_secret(secret), timestamp())
        self._change(lambda keys: [*keys, key])
        return secret, key

    def remove(self, key_id: str) -> Key:
        """Remove a key, which is refused from then on.

        Raises:
            InvalidValue: ``unknown-key-id``.
        """
        removed = list[Key]()

        def without(keys: Sequence[Key]) -> Sequence[Key]:
            by_id = {one.id: one for one in keys}
            if key_id not in by_id:
                listed = ", ".join(by_id) or "none"
                raise InvalidValue(f"There is no key {key_id!r}.", f"There are: {listed}.", code="unknown-key-id")
            removed.append(by_id.pop(key_id))
            return [*by_id.values()]

        self._change(without)
        return removed[0]

    def find(self, secret: str) -> Key | None:
        """Return what the store keeps of a key; None for an unknown key."""
        hashed = _hash_secret(secret)
        if self._commands is not None and hmac.compare_digest(self._commands.hash, hashed):
            return self._commands
        matches = [one for one in self.list_all() if hmac.compare_digest(one.hash, hashed)]
        return matches[0] if matches else None

    def _change(self, change: Callable[[Sequence[Key]], Sequence[Key]]) -> None:
        """Change the keys in the file; several processes do so one after another."""

        def new_content(content: bytes | None) -> str:
            keys = change(() if content is None else self._parse(content))
            return dump_checked({"keys": [asdict(one) for one in keys]})

        change_file(self.path, new_content, mode=0o600)

    def _parse(self, content: bytes) -> Sequence[Key]:
        try:
            keys = [Key(**one) for one in parse_checked(content)["keys"]]
            if unknown := {one.role for one in keys} - {*ROLES}:
                raise ValueError(f"the roles {sorted(unknown)} are unknown")
            return keys
        except (ValueError, TypeError, KeyError) as problem:
            raise StoreError(
                f"{self.path} cannot be read: {problem!r}.",
                "Move it away, and create new keys with `shoplens keys add`.",
                code="damaged-keys",
            ) from None


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
