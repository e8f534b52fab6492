"""Makes `torchvision` importable beside a build of torch that it was not compiled for.

`torchvision` of PyPI is compiled for CUDA. Beside the CPU build of torch its compiled part cannot be loaded, and its
import fails with "operator torchvision::nms does not exist", since it describes two operators of that part. `timm`,
`open_clip` and `transformers` import it, and use nothing of the compiled part. It is enough to declare the two
operators before; whoever calls them gets an error of torch.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

_OPERATORS = ("nms", "qnms")
_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[Any] = []
"""Torch forgets declarations whose library is not kept."""


def repair_torchvision() -> None:
    """Declare the operators where `torchvision` is installed and cannot be imported without them."""
    if "torchvision" in sys.modules or find_spec("torchvision") is None:
        return
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError as problem:
        if "torchvision::" not in str(problem):
            return
        for name in [one for one in sys.modules if one.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            library.define(f"{operator}{_ARGUMENTS}")
        _libraries.append(library)
