"""Sessions of ONNX Runtime: networks that are open, on the execution providers that the settings name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shoplens.errors import ModelError

_TOO_NEW = re.compile(r"opset|IR version", re.IGNORECASE)
"""What ONNX Runtime says of a file that is newer than itself."""
_OPSETS = re.compile(r"Opset (\d+) is under development.*till opset (\d+)", re.DOTALL)
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?(/\S+:\d+ )?")
"""What ONNX Runtime puts before a reason, and what is of no use to people."""
PACKAGES: Mapping[str, str] = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "dml": "onnxruntime-directml",
    "qnn": "onnxruntime-qnn",
    "rocm": "onnxruntime-rocm",
    "migraphx": "onnxruntime-migraphx",
}
"""Execution provider -> the package that has it. Each takes the place of `onnxruntime`."""


def open_session(network: str | bytes, threads: int, providers: str = "") -> Any:
    """Open a network.

    Args:
        network: path or content of an ONNX file.
        providers: execution providers in the order in which they are tried, such as ``CUDA, CPU``; empty for all that
            the installed ONNX Runtime has and that work, the fastest first.

    Raises:
        ModelError: ``bad-onnx``; ``no-provider``: one that was named is not there, or does not work on this machine.
    """
    import onnxruntime

    chosen = choose_providers(providers, onnxruntime.get_available_providers())
    try:
        session = _new_session(network, threads, chosen)
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        name, reason = network if isinstance(network, str) else "The network", explain_failure(problem)
        too_new = _TOO_NEW.search(str(problem))
        fix = (
            "Upgrade onnxruntime, or export the network with an older opset." if too_new else "Give a valid ONNX file."
        )
        raise ModelError(f"{name} cannot be loaded: {reason}.", fix, code="bad-onnx") from None
    if providers:
        refuse_missing(chosen, session.get_providers())
    return session


def explain_failure(problem: Exception) -> str:
    """Return in a few words why ONNX Runtime refuses a network, without the point at the end."""
    text = str(problem)
    if opsets := _OPSETS.search(text):
        return f"it is of opset {opsets[1]}, and the installed onnxruntime knows those up to {opsets[2]}"
    return _PREFIX.sub("", text.splitlines()[0]).rstrip(". ")


def refuse_missing(chosen: Sequence[str], used: Sequence[str]) -> None:
    """Refuse a session that ONNX Runtime has opened without one of the chosen providers, as it does in silence where a
    driver or a library is missing.

    Raises:
        ModelError: ``no-provider``.
    """
    for name in chosen:
        if name not in used:
            short = name.removesuffix("ExecutionProvider")
            raise ModelError(
                f"The execution provider {short} does not work on this machine.",
                f"ONNX Runtime has printed what is missing, a library or a driver. Install it, or leave {short} out of "
                "the setting `providers`.",
                code="no-provider",
            )


def choose_providers(wanted: str, available: Sequence[str]) -> list[str]:
    """Return the full names of execution providers; where none is named, all but TensorRT, which takes minutes to
    prepare a network.

    Raises:
        ModelError: ``no-provider``: the installed ONNX Runtime has no such provider.
    """
    names = {name.removesuffix("ExecutionProvider").lower(): name for name in available}
    short = [one.strip().removesuffix("ExecutionProvider").lower() for one in wanted.split(",") if one.strip()]
    missing = [one for one in short if one not in names]
    if missing:
        package = PACKAGES.get(missing[0])
        install = f"Run `pip uninstall onnxruntime` and `pip install {package}`, or set" if package else "Set"
        raise ModelError(
            f"The installed ONNX Runtime has no execution provider {missing[0]!r}.",
            f"{install} `providers` to some of: {', '.join(names)}.",
            code="no-provider",
        )
    return [names[one] for one in short] or [name for name in available if name != "TensorrtExecutionProvider"]


def open_small_session(network: bytes) -> Any:
    """Open a network that takes well below a millisecond, on one thread of the CPU.

    Raises:
        ModelError: it cannot be loaded.
    """
    try:
        return _new_session(network, 1, ["CPUExecutionProvider"])
    except Exception as problem:  # as above
        raise ModelError(str(problem).splitlines()[0], "Train it again, or restore a backup.") from None


def _new_session(network: str | bytes, threads: int, providers: Sequence[str]) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(network, options, providers=providers)
