"""The public surface: a list and a test."""

import shoplens


def test_the_public_names() -> None:
    assert sorted(shoplens.__all__) == [
        "Answer",
        "CheckOptions",
        "ConditionError",
        "Embedder",
        "Evaluation",
        "Facet",
        "FeedError",
        "InvalidValue",
        "ModelError",
        "PhotoError",
        "Product",
        "Reasons",
        "Refused",
        "Region",
        "Rejection",
        "Result",
        "Settings",
        "Shop",
        "ShoplensError",
        "Steering",
        "StoreError",
        "Summary",
    ]
    assert all(getattr(shoplens, name).__name__ == name for name in shoplens.__all__)
    assert set(shoplens.__all__) <= set(dir(shoplens)) and not hasattr(shoplens, "Shops")
