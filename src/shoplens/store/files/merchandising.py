"""The rules that merchandisers set while the shop runs: ``merchandising.json`` in the store, with what was before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from shoplens.errors import InvalidValue, Refused, StoreError
from shoplens.settings import ConditionRule, Merchandising
from shoplens.store.files.atomic import change_file, file_version
from shoplens.store.files.checked_json import dump_checked, parse_checked

Action = Literal["pin", "boost", "bury", "hide"]
ACTIONS: tuple[Action, ...] = ("pin", "boost", "bury", "hide")
NAME = "merchandising.json"
MAX_RULES, MAX_CONDITIONS, MAX_PRODUCTS, MAX_HISTORY = 200, 20, 500, 50
"""Most rules, most rules with conditions (each is a query of the index in every search), most products of all rules,
and most earlier states that are kept."""


@dataclass(frozen=True, slots=True)
class MerchandisingRule:
    """A rule of a merchandiser; it is about products or about a condition.

    Attributes:
        action: ``pin`` puts products first, in their order; ``boost`` and ``bury`` move them; ``hide`` shows them in no
            search.
        products: ids or other names of products; empty where there is a condition.
        where: condition that products meet; empty where products are named. No condition can be pinned.
        amount: what is added to or subtracted from a score, above 0 and at most 1; of ``boost`` and ``bury``.
        start, end: first and last day of the rule, ``YYYY-MM-DD`` in UTC; empty for no limit.
        note: why, for people.

    Raises:
        InvalidValue: ``bad-rule``.
    """

    action: Action
    products: tuple[str, ...] = ()
    where: str = ""
    amount: float = 0.0
    start: str = ""
    end: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise _bad_rule(f"The action is {self.action!r}.", f"Choose one of: {', '.join(ACTIONS)}.")
        if bool(self.products) == bool(self.where.strip()):
            named = "products and a condition" if self.products else "neither products nor a condition"
            raise _bad_rule(f"A rule to {self.action} names {named}.", "Give one of the two.")
        if self.action == "pin" and not self.products:
            raise _bad_rule("A condition cannot be pinned.", "Name products in their order, or boost the condition.")
        if self.action in ("boost", "bury") and not 0 < self.amount <= 1:
            raise _bad_rule(f"The amount is {self.amount!r}.", "Give a number above 0 and at most 1.")
        for day in (self.start, self.end):
            _parse_day(day)
        if self.start and self.end and self.end < self.start:
            raise _bad_rule(f"The rule ends on {self.end}, before {self.start}.", "Exchange the days.")

    def is_active(self, day: date) -> bool:
        """Whether the rule counts on a day."""
        text = day.isoformat()
        return (not self.start or self.start <= text) and (not self.end or text <= self.end)


@dataclass(frozen=True, slots=True)
class MerchandisingState:
    """The rules at one time.

    Attributes:
        version: grows by one with each change.
        rules: in their order.
        at: time of the change, UTC.
        by: name of the key that changed them.
    """

    version: int = 0
    rules: tuple[MerchandisingRule, ...] = ()
    at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class MerchandisingHistory:
    """The present rules, and those before, the latest first."""

    present: MerchandisingState = field(default_factory=MerchandisingState)
    before: tuple[MerchandisingState, ...] = ()


class MerchandisingFile:
    """The rules of a store, thread-safe; changes by other processes take effect at once.

    Args:
        folder: of the store.
        now: returns the time, in UTC.

    Raises:
        StoreError: ``damaged-merchandising``, from every method.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self._now, self._lock = folder / NAME, now, threading.Lock()
        self._version: tuple[int, ...] = ()
        self._history = MerchandisingHistory()

    def load(self) -> MerchandisingHistory:
        """Return the rules, and those before."""
        try:
            version = file_version(self.path)
        except FileNotFoundError:
            return MerchandisingHistory()
        with self._lock:
            if version != self._version:
                self._history, self._version = self._parse(self.path.read_bytes()), version
            return self._history

    def replace(self, rules: Sequence[MerchandisingRule], by: str, version: int | None = None) -> MerchandisingHistory:
        """Replace all rules.

        Args:
            by: name of who changes them.
            version: that the change was made from; None does not compare it.

        Raises:
            InvalidValue: ``bad-rule``, there are too many.
            Refused: ``changed-meanwhile``.
        """
        check_number(rules)
        return self._change(lambda history: (tuple(rules), (history.present, *history.before)), by, version)

    def undo(self, by: str) -> MerchandisingHistory:
        """Go back to the rules before the last change.

        Raises:
            InvalidValue: ``nothing-to-undo``.
        """

        def before(history: MerchandisingHistory) -> tuple[Any, Any]:
            if not history.before:
                raise InvalidValue("The rules were never changed.", "Nothing has to be done.", code="nothing-to-undo")
            return history.before[0].rules, history.before[1:]

        return self._change(before, by, None)

    def _change(
        self, change: Callable[[MerchandisingHistory], tuple[Any, Any]], by: str, version: int | None
    ) -> MerchandisingHistory:
        def new_content(content: bytes | None) -> str:
            history = MerchandisingHistory() if content is None else self._parse(content)
            if version is not None and version != history.present.version:
                raise Refused(
                    f"The rules were changed meanwhile: their version is {history.present.version}, not {version}.",
                    "Load them again, and repeat your change.",
                    code="changed-meanwhile",
                )
            rules, before = change(history)
            at = self._now().isoformat(timespec="seconds")
            present = MerchandisingState(history.present.version + 1, rules, at, by)
            states = [present, *before[:MAX_HISTORY]]
            return dump_checked({"states": [asdict(one) for one in states]})

        change_file(self.path, new_content)
        return self.load()

    def _parse(self, content: bytes) -> MerchandisingHistory:
        try:
            states = [_parse_state(one) for one in parse_checked(content)["states"]]
            return MerchandisingHistory(states[0], tuple(states[1:]))
        except (ValueError, TypeError, KeyError, IndexError) as problem:
            raise StoreError(
                f"{self.path} cannot be read: {problem!r}.",
                "Put the one of a backup in its place, or move it away, and set the rules again.",
                code="damaged-merchandising",
            ) from None


def merge_rules(settings: Merchandising, rules: Sequence[MerchandisingRule], day: date) -> Merchandising:
    """Return the merchandising of ``shoplens.toml`` with the active rules, which come first and override it."""
    pins: dict[str, None] = {}
    boosts, buries = dict[str, float](), dict[str, float]()
    hides: dict[str, None] = {}
    conditions = []
    for rule in rules:
        if not rule.is_active(day):
            continue
        if rule.where and rule.action != "pin":
            conditions.append(ConditionRule(rule.action, rule.where, rule.amount))
        elif rule.action == "pin":
            pins |= dict.fromkeys(rule.products)
        elif rule.action == "hide":
            hides |= dict.fromkeys(rule.products)
        else:
            amounts = boosts if rule.action == "boost" else buries
            amounts |= dict.fromkeys(rule.products, rule.amount)
    raised = {*pins, *boosts}
    own = {*raised, *buries}
    pins |= {one: None for one in settings.pins if one not in own}
    boosts |= {one: amount for one, amount in settings.boosts.items() if one not in own}
    buries = {one: amount for one, amount in buries.items() if one not in raised}
    buries |= {one: amount for one, amount in settings.buries.items() if one not in own}
    return Merchandising(tuple(pins), boosts, buries, tuple(hides), tuple(conditions))


def check_number(rules: Sequence[MerchandisingRule]) -> None:
    """Check that there are not more rules than searches can bear.

    Raises:
        InvalidValue: ``bad-rule``.
    """
    for what, number, most in (
        ("rules", len(rules), MAX_RULES),
        ("rules with conditions", sum(bool(rule.where) for rule in rules), MAX_CONDITIONS),
        ("products in rules", sum(len(rule.products) for rule in rules), MAX_PRODUCTS),
    ):
        if number > most:
            raise _bad_rule(f"There are {number} {what}.", f"At most {most} are possible.")


def _parse_state(content: dict[str, Any]) -> MerchandisingState:
    rules = [MerchandisingRule(**{**one, "products": tuple(one["products"])}) for one in content["rules"]]
    return MerchandisingState(int(content["version"]), tuple(rules), str(content["at"]), str(content["by"]))


def _parse_day(text: str) -> None:
    try:
        if text and date.fromisoformat(text).isoformat() != text:
            raise ValueError
    except ValueError:
        raise _bad_rule(f"The day is {text!r}.", "Write it as 2026-12-24.") from None


def _bad_rule(problem: str, fix: str) -> InvalidValue:
    return InvalidValue(problem, fix, code="bad-rule")
