"""Models of the Hugging Face hub, read through `huggingface_hub`: its cache, tokens, mirrors and offline mode are as
its users know them (``HF_HOME``, ``HF_TOKEN``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from shoplens.errors import ModelError
from shoplens.models.add import ModelSource
from shoplens.models.layout import choose_files, choose_weights
from shoplens.models.licences import UNNAMED, check_licence

_SHA256 = re.compile(r"[0-9a-f]{64}")
NO_NETWORK = (
    "Check the network, HF_ENDPOINT, and that HF_HUB_OFFLINE is not set, and run the command again: it continues where "
    "it stopped. Without a network, copy the repository to a folder, and add that."
)
CAUSES = {
    "GatedRepoError": (
        "gated-model",
        "its authors ask for an agreement first",
        "Agree on its page, huggingface.co/{repository}, and log in with `hf auth login`, or set HF_TOKEN.",
    ),
    "RepositoryNotFoundError": (
        "no-repository",
        "there is none of this name, or it is private",
        "Correct the name; for a private one, log in with `hf auth login`, or set HF_TOKEN.",
    ),
    "RevisionNotFoundError": ("no-repository", "it has no such revision", "Name a branch, a tag or a commit of it."),
    "RemoteEntryNotFoundError": (
        "not-an-image-model",
        "it lacks a file that every model of `transformers` has",
        "Choose a repository in the layout of `transformers`, such as those that `shoplens models` lists.",
    ),
    "LocalEntryNotFoundError": (
        "no-network",
        "the hub is not reached, and the cache on this machine lacks its files",
        NO_NETWORK,
    ),
}
"""Class of an error of the library -> code, what is wrong, and what to do; all others are of the network."""


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Where a model is read from.

    Attributes:
        revision: branch, tag or commit; empty for the main branch.
        variant, licence, accept_licence: as of :mod:`shoplens.models.add`.
        text: whether the text tower is downloaded, too.
        exports: whether the weights of torch are wanted, to export them, instead of an ONNX file.
        endpoint, cache: the hub's address and the folder of its cache; None for those of the library.
    """

    revision: str = ""
    variant: str = ""
    licence: str = ""
    accept_licence: bool = False
    text: bool = True
    exports: bool = False
    endpoint: str | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class _Listing:
    """Files of a repository, the SHA-256 of the large ones, and the licence that it names."""

    names: Sequence[str]
    hashes: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""


def download_model(repository: str, options: HubOptions, name: str = "") -> ModelSource:
    """Download the files of a model, if the library's cache lacks them, and return their folder.

    The licence is checked before any weights are downloaded.

    Raises:
        ModelError: ``no-hub``: the extra `hub` is not installed; ``no-network``, ``gated-model``, ``no-repository``,
            ``not-an-image-model``; or as :func:`~shoplens.models.layout.choose_files` and ``choose_weights``.
        Refused: ``licence-refused``.
    """
    if options.licence:
        check_licence(options.licence, repository, accepted=options.accept_licence)
    config = _download_config(repository, options)
    revision = config.parent.name
    listing = _list_files(repository, config.parent, options)
    licence = options.licence or listing.licence or UNNAMED
    check_licence(licence, repository, accepted=options.accept_licence)
    names, place = listing.names, f"huggingface.co/{repository}"
    if options.exports:
        files = choose_weights(names, place)
    else:
        files = choose_files(names, place, options.variant, text=options.text).all
    for file in files:
        _download(repository, file, revision, options)
    return ModelSource(config.parent, place, revision, licence, listing.hashes, name=name)


def _download_config(repository: str, options: HubOptions) -> Path:
    """Download the configuration; models of `open_clip`, which are exported, have another one."""
    revision = options.revision or None
    try:
        return _download(repository, "config.json", revision, options)
    except ModelError as problem:
        if not options.exports or problem.code != "not-an-image-model":
            raise
    return _download(repository, "open_clip_config.json", revision, options)


def _download(repository: str, name: str, revision: str | None, options: HubOptions) -> Path:
    hub = _import_hub()
    try:
        path = hub.hf_hub_download(
            repository, name, revision=revision, endpoint=options.endpoint, cache_dir=options.cache
        )
    except Exception as problem:  # the library lets errors of its network library through
        raise _explain(problem, repository) from None
    return Path(path)


def _list_files(repository: str, snapshot: Path, options: HubOptions) -> _Listing:
    """Return what the hub says of a commit; what its folder in the cache has, where the hub cannot be reached."""
    hub = _import_hub()
    try:
        info = hub.HfApi(endpoint=options.endpoint).model_info(repository, revision=snapshot.name, files_metadata=True)
    except Exception as problem:  # as above
        explained = _explain(problem, repository)
        if explained.code != "no-network":
            raise explained from None
        return _list_cached_files(snapshot, explained)
    hashes = {one.rfilename: one.lfs.sha256 for one in info.siblings if one.lfs is not None}
    card = info.card_data.to_dict() if info.card_data is not None else {}
    licence = str(card.get("license_name") or card.get("license") or "").lower()
    return _Listing([one.rfilename for one in info.siblings], hashes, licence)


def _list_cached_files(snapshot: Path, problem: ModelError) -> _Listing:
    """Return the files of a folder of the cache, in which large files are links to what is called by its SHA-256."""
    from shoplens.models.licences import licence_of_readme

    paths = {path.relative_to(snapshot).as_posix(): path for path in snapshot.rglob("*") if path.is_file()}
    if not any(PurePosixPath(name).suffix in (".onnx", ".safetensors") for name in paths):
        raise problem
    blobs = {name: path.resolve().name for name, path in paths.items()}
    hashes = {name: blob for name, blob in blobs.items() if _SHA256.fullmatch(blob)}
    return _Listing(sorted(paths), hashes, licence_of_readme(snapshot / "README.md"))


def _import_hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise ModelError(
            "Models of the hub are read through huggingface_hub, which is not installed.",
            "Run `pip install 'shoplens[hub]'`; or copy the repository to a folder, and add that.",
            code="no-hub",
        ) from None
    return huggingface_hub


def _explain(problem: Exception, repository: str) -> ModelError:
    names = [kind.__name__ for kind in type(problem).__mro__]
    cause = next((CAUSES[name] for name in names if name in CAUSES), None)
    if cause is not None:
        code, why, fix = cause
        return ModelError(f"{repository} cannot be downloaded: {why}.", fix.format(repository=repository), code=code)
    reason = (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".")
    return ModelError(f"{repository} cannot be downloaded: {reason[:300]}.", NO_NETWORK, code="no-network")
