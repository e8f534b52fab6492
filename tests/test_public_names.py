"""The public surface: a list and a test."""

import shoplens


def test_the_public_names() -> None:
    assert sorted(shoplens.__all__) == [
        "Answer",
        "CheckOptions",
        "ConditionError",
        "Embedder",
        "Evaluation",
        "FeedError",
        "InvalidValue",
        "ModelError",
        "PhotoError",
        "Product",
        "Refused",
        "Region",
        "Rejection",
        "Result",
        "Settings",
        "Shop",
        "ShoplensError",
        "StoreError",
        "Summary",
    ]
    assert all(hasattr(shoplens, name) for name in shoplens.__all__)
