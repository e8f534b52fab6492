"""The commands that write: their words, and what each of them may change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from benchmarks.service.kills.checks import model_names
from benchmarks.service.kills.model_repository import MODEL
from benchmarks.service.kills.victim import Victim, remove_tree
from shoplens import Shop
from shoplens.service.keys import Keys
from shoplens.store.layout import StoreLayout

Words = list[str]
Confirm = Callable[[bool], None]
"""Called with whether the command ended; writes down what may be in the store."""


def _change_prices(victim: Victim, words: Words, names: list[str], price: float) -> tuple[Words, Confirm]:
    before = {name: set(victim.expected.prices[name]) for name in names}

    def confirm(ended: bool) -> None:
        for name in names:
            victim.expected.prices[name] = {price} if ended else {*before[name], price}

    return words, confirm


def _add(victim: Victim) -> tuple[Words, Confirm]:
    names, price = victim.some(0.5), victim.next_price()
    return _change_prices(victim, ["add", str(victim.write_feed(names, price))], names, price)


def _sync(victim: Victim) -> tuple[Words, Confirm]:
    price = victim.next_price()
    words = ["sync", str(victim.write_feed(victim.names, price)), "--max-removals", "100%"]
    return _change_prices(victim, words, victim.names, price)


def _index(victim: Victim) -> tuple[Words, Confirm]:
    price = victim.next_price()
    words = ["index", str(victim.write_feed(victim.names, price)), "--replace"]
    if victim.rng.random() < 0.5:
        words.append("--keep")
    return _change_prices(victim, words, victim.names, price)


def _remove(victim: Victim) -> tuple[Words, Confirm]:
    names = victim.some(0.3)
    return _change_prices(victim, ["remove", *names], names, 0.0)


def _nothing(ended: bool) -> None:
    """Nothing of what is checked changes."""


def _plain(*words: str) -> Callable[[Victim], tuple[Words, Confirm]]:
    """Return the words of a command that changes no product; it needs most products to be there."""

    def prepare(victim: Victim) -> tuple[Words, Confirm]:
        if sum(0.0 in prices for prices in victim.expected.prices.values()) > len(victim.names) / 4:
            command, confirm = _sync(victim)
            victim.run_undisturbed(command)
            confirm(True)
        return [str(victim.queries.get(one, one)) for one in words], _nothing

    return prepare


def _roll_back(victim: Victim) -> tuple[Words, Confirm]:
    if not StoreLayout(victim.store).kept_folders():
        path = victim.write_feed(victim.names, price := victim.next_price())
        victim.run_undisturbed(["index", str(path), "--replace", "--keep"])
        victim.expected.prices = {name: {price} for name in victim.names}
    return ["generations", "roll-back"], _nothing


def _backup(victim: Victim) -> tuple[Words, Confirm]:
    copy = victim.folder / "copies" / f"{victim.number}"

    def confirm(ended: bool) -> None:
        if copy.exists() or ended:
            restored = victim.folder / "restored"
            Shop.restore(copy, restored)
            with Shop(restored) as shop:
                found = {name: float(shop.products.get(name).price or 0) for name in shop.products.ids()}  # type: ignore[union-attr]
            if any(found.get(name, 0.0) not in prices for name, prices in victim.expected.prices.items()):
                victim.fail("backup: the copy differs")
        remove_tree(victim.folder / "copies", victim.folder / "restored")

    return ["backup", str(copy)], confirm


def _restore(victim: Victim) -> tuple[Words, Confirm]:
    with Shop(victim.store) as shop:  # what comes back has other prices than what was there
        remove_tree(victim.backup)
        shop.backup(victim.backup)
        before = {name: set(prices) for name, prices in victim.expected.prices.items()}
        for name in shop.products.ids():
            shop.products.update(name, price=victim.price + 0.5)
    now = {name: {0.0} if prices == {0.0} else {victim.price + 0.5} for name, prices in before.items()}
    victim.expected.prices = now

    def confirm(ended: bool) -> None:
        with Shop(victim.store) as shop:
            found = {name: {0.0} for name in victim.names} | {
                name: {float(shop.products.get(name).price or 0)}  # type: ignore[union-attr]
                for name in shop.products.ids()
            }
        if found not in ([before] if ended else [before, now]):
            victim.fail("restore: the store is neither the one before nor the backup")
        victim.expected.prices = found

    return ["restore", str(victim.backup), "--replace"], confirm


def _feedback_add(victim: Victim) -> tuple[Words, Confirm]:
    path, events = victim.folder / "events.jsonl", [victim.unused_events.pop() for _ in range(10)]
    path.write_text("".join(json.dumps(one) + "\n" for one in events), "utf-8")
    return ["feedback", "add", str(path)], lambda ended: victim.count_events(10 * ended)


def _feedback_click(victim: Victim) -> tuple[Words, Confirm]:
    event = victim.unused_events.pop()
    words = ["feedback", event["kind"], event["query_id"], event["product_id"]]
    return words, lambda ended: victim.count_events(int(ended))


def _forget(victim: Victim) -> tuple[Words, Confirm]:
    name = victim.answer_ids.pop()
    victim.unused_events = [one for one in victim.unused_events if one["query_id"] != name]
    victim.expected.events = 0

    def confirm(ended: bool) -> None:
        with Shop(victim.store) as shop:
            deleted = shop.feedback.forget(query_id=name)
        if ended and deleted:
            victim.fail(f"feedback forget: {name} was still there")

    return ["feedback", "forget", "--query", name], confirm


def _keys_add(victim: Victim) -> tuple[Words, Confirm]:
    name = f"key {victim.number}"
    return ["keys", "add", name], lambda ended: (victim.expected.keys if ended else victim.expected.maybe_keys).add(
        name
    )


def _keys_remove(victim: Victim) -> tuple[Words, Confirm]:
    key = Keys(victim.store).create(f"gone {victim.number}", "search")[1]

    def confirm(ended: bool) -> None:
        if not ended:
            victim.expected.maybe_keys.add(key.name)

    return ["keys", "remove", key.id], confirm


def _models_add(victim: Victim) -> tuple[Words, Confirm]:
    name = victim.rng.choice(("one", "two"))
    words = ["models", "add", str(victim.repository), "--name", name, "--replace"]
    return words, lambda ended: (victim.expected.models if ended else victim.expected.maybe_models).add(name)


def _models_remove(victim: Victim) -> tuple[Words, Confirm]:
    if victim.expected.models == {MODEL}:
        victim.run_undisturbed(_models_add(victim)[0])
        victim.expected.models = model_names(victim.models)
    name = sorted(victim.expected.models - {MODEL})[0]

    def confirm(ended: bool) -> None:
        victim.expected.models.discard(name)
        if not ended:
            victim.expected.maybe_models.add(name)

    return ["models", "remove", name], confirm


COMMAND_KINDS: Mapping[str, Callable[[Victim], tuple[Words, Confirm]]] = {
    "add": _add,
    "sync": _sync,
    "remove": _remove,
    "index --replace": _index,
    "generations roll-back": _roll_back,
    "backup": _backup,
    "restore --replace": _restore,
    "train filters": _plain("train", "filters"),
    "train look": _plain("train", "look", "--force", "--budget", "1s"),
    "train classifier": _plain("train", "classifier", "--budget", "1s"),
    "train ranker": _plain("train", "ranker", "--force", "--kind", "gate", "--queries", "LEARN"),
    "calibrate": _plain("calibrate", "--queries", "MEASURE"),
    "check make-baseline": _plain("check", "make-baseline", "--count", "10"),
    "evaluate": _plain("evaluate", "FEW"),
    "feedback add": _feedback_add,
    "feedback click": _feedback_click,
    "feedback forget": _forget,
    "keys add": _keys_add,
    "keys remove": _keys_remove,
    "models add": _models_add,
    "models remove": _models_remove,
}
"""Command -> what returns its words, and what it changes."""
SLOW_KINDS = ("train look", "train classifier", "train ranker", "calibrate", "check make-baseline")
SLOW_EVERY = 4
"""Commands that compute for long, and in which round of all commands they come."""
