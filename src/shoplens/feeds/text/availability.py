"""Parsing of availability: the words that shops and schema.org use for it, and quantities."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shoplens.feeds.rows import RawProduct
from shoplens.types import Rejection

IN_STOCK = """
stokta var|còn hàng|con stock|有库存|在庫有り|
in stock|instock|available|available for order|available now|limited availability|limited|low stock|few left|in store
only|instoreonly|online only|onlineonly|yes|y|true|on|ja|oui|si|sí|sim|да|есть|auf lager|lieferbar|sofort lieferbar|
verfügbar|sofort verfügbar|vorrätig|en stock|disponible|en existencia|disponibile|disponível|em estoque|in voorraad|
op voorraad|leverbaar|i lager|på lager|på lagret|varastossa|dostępny|dostępna|w magazynie|skladem|na sklade|raktáron|
în stoc|in stoc|stokta|в наличии|є в наявності|в наявності|在庫あり|有货|有貨|재고 있음|delivery|pickup
"""
OUT_OF_STOCK = """
out of stock|not in stock|temporarily out of stock|temporarily unavailable|auf anfrage|vorbestellung|sin stock|
fuera de stock|fora de estoque|brak w magazynie|nedostupné|nedostupný|vypredané|stokta yok|hết hàng|
outofstock|oos|sold out|soldout|unavailable|not available|no|n|false|off|nein|non|não|нет|discontinued|
preorder|pre order|presale|backorder|back order|backordered|on backorder|onbackorder|made to order|madetoorder|
coming soon|notify me|reserved|nicht lieferbar|nicht auf lager|nicht verfügbar|ausverkauft|vergriffen|vorbestellbar|
épuisé|rupture de stock|en rupture de stock|indisponible|agotado|sin existencias|no disponible|esaurito|
non disponibile|esgotado|indisponível|uitverkocht|niet op voorraad|niet leverbaar|slut i lager|slutsåld|udsolgt|
utsolgt|ikke på lager|loppu|niedostępny|brak|vyprodáno|není skladem|nincs raktáron|stoc epuizat|tükendi|
нет в наличии|под заказ|ожидается|немає в наявності|在庫なし|売り切れ|缺货|缺貨|품절
"""
_SCHEMA_ORG = re.compile(r"(?:https?://)?(?:www\.)?schema(?:\.org[/#]|:)", re.IGNORECASE)
_NOT_LETTERS = re.compile(r"[\W_]+")
_QUANTITY = re.compile(r"[>≥]?\s*([+-]?\d+(?:[.,]\d+)*)\s*\+?")
_NUMBER = re.compile(r"\d+")


def _key(text: str) -> str:
    """Return the letters and digits of ``text`` in lower case and without accents."""
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFD", text.casefold()))


_STOCK = {
    _key(spelling): in_stock
    for spellings, in_stock in ((IN_STOCK, True), (OUT_OF_STOCK, False))
    for spelling in spellings.replace("\n", " ").split("|")
}


def parse_availability(text: str) -> bool | None:
    """Return whether a text for availability, or a quantity, means in stock; None for any other text.

    A product that can be ordered but is not available yet (pre-order, back-order) is not in stock.

    >>> [parse_availability(text) for text in ("In Stock", "https://schema.org/SoldOut", "0", "12.0", "?")]
    [True, False, False, True, None]
    >>> [parse_availability(text) for text in ("10+", "In stock (3)", "0 in stock")]
    [True, True, False]
    """
    if quantity := _QUANTITY.fullmatch(text.strip()):
        return not quantity[1].startswith("-") and quantity[1].strip("+0.,") != ""
    key = _key(_SCHEMA_ORG.sub("", text))
    numbers = _NUMBER.findall(key)
    if not numbers:
        return _STOCK.get(key)
    in_stock = _STOCK.get(_NUMBER.sub("", key))
    return in_stock and any(number.strip("0") for number in numbers)


def set_availability(product: RawProduct, row: int, field: str, text: str) -> Iterator[Rejection]:
    """Set ``product.in_stock`` from a text, unless the text is empty; yield a note if it cannot be read."""
    if not text:
        return
    product.in_stock = parse_availability(text)
    if product.in_stock is None:
        yield Rejection(
            kind="bad-availability",
            level="note",
            row=row,
            product_id=product.id,
            field=field,
            value=text,
            reason="This is not an availability, so it stays unknown whether the product is in stock.",
            fix='Write "in stock" or "out of stock".',
        )
