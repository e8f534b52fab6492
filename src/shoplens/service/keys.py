"""API keys: made once, shown once, kept as hashes in the store; each with a role."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from shoplens.errors import InvalidValue, StoreError
from shoplens.store.files.atomic import file_version, replace_file, timestamp

Role = Literal["search", "write", "admin"]
ROLES: tuple[Role, ...] = ("search", "write", "admin")
"""What a key may do: search and give feedback; change products, too; see what was searched and forget users, too."""
NAME = "keys.json"
PREFIX = "sl_"
MOST_NAME = 100
COMMANDS = "commands"
"""Id of the key that commands have while the service runs; it is nobody else's, and no client's rate is theirs."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without itself.

    Attributes:
        id: names it, for people.
        name: what it is for.
        role: what it may do.
        hash: SHA-256 of the key, which has 256 random bits.
        created: when.
    """

    id: str
    name: str
    role: Role
    hash: str
    created: str

    def may(self, role: Role) -> bool:
        """Whether it may do what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Keys:
    """The keys of a store; changes by other processes are seen at once.

    Args:
        folder: the store's.
        secret: by which a service knows commands of its own user; empty for none.

    Raises:
        StoreError: ``damaged-keys``, from every method.
    """

    def __init__(self, folder: Path, secret: str = "") -> None:
        self.path = folder / NAME
        self._commands = Key(COMMANDS, COMMANDS, "admin", _hash_secret(secret), "") if secret else None
        self._version: tuple[int, ...] = ()
        self._keys: Sequence[Key] = ()

    def all(self) -> Sequence[Key]:
        """In the order in which they were made."""
        try:
            version = file_version(self.path)
        except FileNotFoundError:
            return ()
        if version != self._version:
            try:
                self._keys = [Key(**one) for one in json.loads(self.path.read_bytes())["keys"]]
            except (ValueError, TypeError, KeyError) as problem:
                raise StoreError(
                    f"{self.path} cannot be read: {problem!r}.",
                    "Move it away, and make new keys with `shoplens keys add`.",
                    code="damaged-keys",
                ) from None
            self._version = version
        return self._keys

    def made(self, name: str, role: Role) -> tuple[str, Key]:
        """A new key, which nobody can read later, and what is kept of it.

        Raises:
            InvalidValue: ``bad-key``.
        """
        if role not in ROLES:
            raise InvalidValue(f"--role is {role!r}.", f"Choose one of: {', '.join(ROLES)}.", code="bad-key")
        if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
            raise InvalidValue(
                f"The name is {name[:MOST_NAME]!r}.", "Say what it is for, in a few words.", code="bad-key"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(secrets.token_hex(4), name.strip(), role, _hash_secret(secret), timestamp())
        self._write([*self.all(), key])
        return secret, key

    def remove(self, key_id: str) -> Key:
        """Remove a key; it is refused from then on.

        Raises:
            InvalidValue: ``unknown-key-id``.
        """
        there = {one.id: one for one in self.all()}
        if key_id not in there:
            listed = ", ".join(there) or "none"
            raise InvalidValue(f"There is no key {key_id!r}.", f"There are: {listed}.", code="unknown-key-id")
        self._write([one for one in there.values() if one.id != key_id])
        return there[key_id]

    def of(self, secret: str) -> Key | None:
        """The key that this is; None for none."""
        hashed = _hash_secret(secret)
        if self._commands is not None and hmac.compare_digest(self._commands.hash, hashed):
            return self._commands
        found = [one for one in self.all() if hmac.compare_digest(one.hash, hashed)]
        return found[0] if found else None

    def _write(self, keys: Sequence[Key]) -> None:
        replace_file(self.path, json.dumps({"keys": [asdict(one) for one in keys]}, indent=1) + "\n")
        self.path.chmod(0o600)


def _hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
