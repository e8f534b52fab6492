"""The networks in the package, and which network a store uses."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from shoplens.embedders.added import added_model
from shoplens.embedders.card import load_card

NETWORKS = ("efficientnet-lite2-int8", "efficientnet-lite2")
"""Names of the networks in the package; new stores use the first. The second is the first's original in float32."""
FINDER = "object-finder"
"""Name of the network in the package that finds the object in a whole photo for the first of them."""
_FOLDER = Path(str(resources.files("shoplens.embedders"))) / "models"


def shipped_file(name: str = NETWORKS[0]) -> Path:
    """Return the ONNX file of a network in the package, its card beside it; by default that of new stores."""
    return _FOLDER / f"{name}.onnx"


def network_file(model: Path | None, made_by: str = "", models: Path | None = None) -> Path:
    """Return the ONNX file to open.

    Args:
        model: the setting: a file, the name of a network in the package, or that of an added model. None uses the
            network that the store was made by where it is one of these two, and the default one otherwise.
        made_by: model id in the manifest of the store; empty where there is no store yet.
        models: folder of the added models; None where there are none.
    """
    if model is not None:
        return model if model.is_file() else _find_model_file(str(model), models) or model
    name = _shipped_name(made_by)
    added = None if name or models is None else added_model(models, made_by.partition("@")[0])
    return added or shipped_file(name or NETWORKS[0])


def _find_model_file(name: str, models: Path | None) -> Path | None:
    if name in NETWORKS:
        return shipped_file(name)
    return None if models is None else added_model(models, name)


def newer_network(made_by: str) -> str:
    """Return the name of the network that new stores use, where the package made a store by another; else empty."""
    return NETWORKS[0] if _shipped_name(made_by) not in ("", NETWORKS[0]) else ""


def is_default_network(made_by: str) -> bool:
    """Whether a store was made by the network that new stores use."""
    return _shipped_name(made_by) == NETWORKS[0]


def _shipped_name(made_by: str) -> str:
    """Return the name of the network in the package that has this model id; empty for another model."""
    names = {load_card(shipped_file(name)).name: name for name in NETWORKS}
    return names.get(made_by.partition("@")[0], "")
