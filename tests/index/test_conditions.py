import pytest

from shoplens.errors import ConditionError
from shoplens.index.conditions import (
    AllOf,
    AnyOf,
    Not,
    OneOf,
    Ordered,
    check_fields,
    field_values,
    holds,
    parsed,
    parsed_all,
    text_of,
)
from shoplens.types import Product

HOODIE = Product(
    id="MH01-Black",
    title="Chaz",
    photos=("/a.jpg",),
    price=52.0,
    brand="Acme",
    category=("Men", "Hoodies & Sweatshirts"),
    attributes={"color": ("Light Blue",), "size": ("S", "M", "36"), "style general": ("Pullover",), "price": ("high",)},
    in_stock=True,
)
BARE = Product(id="x", title="x", photos=("/x.jpg",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("color = green", OneOf("color", ("green",))),
        ("color = light  blue", OneOf("color", ("light blue",))),
        ("color != 'and'", Not(OneOf("color", ("and",)))),
        ('"style general" = Tee', OneOf("style general", ("Tee",))),
        ("price <= 40.50", Ordered("price", "<=", 40.5)),
        ("size in (S, 36.0, 'X, L')", OneOf("size", ("S", "36.0", "X, L"))),
        (r"name = 'it\'s'", OneOf("name", ("it's",))),
        ("a=1 or b=2 and c=3", AnyOf((OneOf("a", ("1",)), AllOf((OneOf("b", ("2",)), OneOf("c", ("3",))))))),
        ("(a=1 OR b=2) AND NOT c=3", AllOf((AnyOf((OneOf("a", ("1",)), OneOf("b", ("2",)))), Not(OneOf("c", ("3",)))))),
        ("not not a = 1", Not(Not(OneOf("a", ("1",))))),
    ],
)
def test_grammar(text: str, expected: object) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "at its end"),
        ("color", "at its end"),
        ("color =", "at its end"),
        ("color = green and", "at its end"),
        ("color = (green)", "'(green)'"),
        ("color in green", "'green'"),
        ("color in ()", "')'"),
        ("(color = green", "at its end"),
        ("color = green)", "')'"),
        ("color = 'green", '"\'green"'),
        ("color == green", "'= green'"),
        ("color ! green", "'! green'"),
        ("and = 3", "'and = 3'"),
    ],
)
def test_errors_say_where(text: str, where: str) -> None:
    with pytest.raises(ConditionError, match="stops making sense") as caught:
        parsed(text)
    assert where in caught.value.problem
    assert "for example" in caught.value.fix


def test_an_ordering_needs_a_number() -> None:
    with pytest.raises(ConditionError, match="does not name a number") as caught:
        parsed("price < cheap")
    assert caught.value.code == "wrong-type"


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(ConditionError, match="nested too deeply"):
        parsed("(" * 5000 + "a=1" + ")" * 5000)


@pytest.mark.parametrize(
    ("text", "hoodie", "bare"),
    [
        ("color = LIGHT BLUE", True, False),
        ("color != light blue", False, True),
        ("color = blue", False, False),
        ("size = m", True, False),
        ("size = 36", True, False),
        ("size > 35", True, False),
        ("size < 35", False, False),
        ("price = 52", True, False),
        ("price = 52.00", True, False),
        ("price >= 52 and price <= 52", True, False),
        ("price > 52 or price < 52", False, False),
        ("in_stock = true", True, False),
        ("not in_stock = true", False, True),
        ("category = 'hoodies & sweatshirts'", True, False),
        ("brand in (Other, acme)", True, False),
        ('"style general" = pullover', True, False),
        ("attributes.price = high", True, False),
        ("id = x", False, True),
    ],
)
def test_meaning(text: str, hoodie: bool, bare: bool) -> None:
    assert holds(parsed(text), field_values(HOODIE)) is hoodie
    assert holds(parsed(text), field_values(BARE)) is bare


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (3.0, "3"),
        (3.5, "3.5"),
        (0.00001, "0.00001"),
        (1e16, "10000000000000000"),
        (-0.25, "-0.25"),
        ("Light Blue", "Light Blue"),
    ],
)
def test_values_are_compared_as_people_write_them(value: str | float | bool, text: str) -> None:
    assert text_of(value) == text


def test_long_digits_are_text_and_never_infinite() -> None:
    long = "9" * 400
    product = Product("1234567890123456", "t", ("/a.jpg",), attributes={"mpn": (long,)})
    fields = field_values(product)
    assert fields["mpn"].numbers == ()
    assert holds(parsed(f"mpn = {long}"), fields)
    assert holds(parsed("id = 1234567890123456"), fields)
    with pytest.raises(ConditionError, match="does not name a number"):
        parsed(f"price < {long}")


def test_a_field_of_true_and_false_takes_nothing_else() -> None:
    kinds = {"in_stock": frozenset({"text"})}
    check_fields(parsed("in_stock = TRUE or in_stock != false"), kinds)
    with pytest.raises(ConditionError, match="true or false") as caught:
        check_fields(parsed("in_stock = 1"), kinds)
    assert caught.value.code == "wrong-type"


def test_several_texts_must_all_hold() -> None:
    assert parsed_all(()) is None
    assert parsed_all(("a = 1",)) == OneOf("a", ("1",))
    assert parsed_all(("a = 1", "b = 2")) == AllOf((OneOf("a", ("1",)), OneOf("b", ("2",))))


def test_unknown_fields_and_wrong_types_list_what_there_is() -> None:
    kinds = {"color": frozenset({"text"}), "price": frozenset({"number"}), "size": frozenset({"text", "number"})}
    check_fields(parsed("color = red and size < 4 and price = 3"), kinds)
    with pytest.raises(ConditionError, match=r"'colour'.*color, price, size") as caught:
        check_fields(parsed("color = red or not colour = red"), kinds)
    assert caught.value.code == "unknown-field"
    with pytest.raises(ConditionError, match=r"'color' holds text.*price, size"):
        check_fields(parsed("color < 3"), kinds)
    with pytest.raises(ConditionError, match=r"'price' holds numbers.*'red'"):
        check_fields(parsed("price in (3, red)"), kinds)
