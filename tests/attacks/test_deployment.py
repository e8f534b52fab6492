"""What the image and the systemd unit promise: nothing unpinned, nothing unlicensed, nothing more than needed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import files, version
from pathlib import Path

from tools.write_licence_table import KNOWN, PAGE, licence_of, page_with_tables, requirements

ROOT = Path(__file__).parents[2]
ALLOWED = re.compile(r"(MIT|MIT-CMU|BSD-[23]-Clause|0BSD|Zlib|CC0-1.0|Apache-2.0|ISC|PSF-2.0|MPL-2.0|LLVM-exception)")
EXCEPTIONS = {"pillow-heif"}
"""Packages under other licences; docs/licences.md says which, and what that means."""


def names(text: str) -> set[str]:
    return {re.split(r"[<>=\[; ]", line)[0].lower().replace("_", "-") for line in text.splitlines() if line.strip()}


def test_everything_that_the_image_installs_has_hashes_and_its_version_is_in_the_constraints() -> None:
    text = "\n".join((ROOT / "deploy" / name).read_text("utf-8") for name in ("requirements.txt", "heic.txt"))
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split())
    pinned = {name.lower().replace("_", "-"): version for name, version in constraints.items()}
    assert {name: pinned.get(name) for name in requirements()} == requirements()
    blocks = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(blocks) == len(requirements())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)


def test_the_image_installs_every_dependency_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = names(
        "\n".join([*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["map"]])
    )
    wanted |= names("\n".join(project["build-system"]["requires"]))
    assert wanted <= {*requirements()}


def test_every_licence_is_listed_and_known() -> None:
    page = PAGE.read_text("utf-8")
    assert page == page_with_tables(page), "run: python tools/write_licence_table.py"
    for name in requirements():
        words = set(re.split(r" AND | OR | WITH ", licence_of(name)))
        assert name in EXCEPTIONS or all(ALLOWED.fullmatch(word) for word in words), (name, words)
    assert {*KNOWN} >= EXCEPTIONS


def test_what_the_wheel_of_pillow_heif_holds_is_listed() -> None:
    (path,) = [one for one in files("pillow_heif") or () if one.name == "LICENSES_bundled.txt"]
    held = set(re.findall(r"^Name: (\S+)$", path.read_text("utf-8"), re.MULTILINE))
    assert held == {"libheif", "libde265", "x265"}
    assert all(name in licence_of("pillow-heif") for name in held)
    assert version("pillow_heif") == requirements()["pillow-heif"]


def test_an_image_without_the_gpl_can_be_built() -> None:
    assert "pillow-heif==" not in (ROOT / "deploy/requirements.txt").read_text("utf-8")
    for name in ("Dockerfile", "build_in_root.sh"):
        steps = [line for line in (ROOT / "deploy" / name).read_text("utf-8").splitlines() if "heic.txt" in line]
        assert any("--require-hashes --no-deps" in line for line in steps), name


def test_the_image_is_named_by_its_digest_and_takes_only_what_it_needs() -> None:
    file = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    images = re.findall(r"^FROM (\S+)", file, re.MULTILINE)
    assert images and len(set(images)) == 1 and re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", images[0])
    assert "--require-hashes" in file and "USER shoplens" in file
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", file, re.MULTILINE))
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert {name for line in copied for name in line.split()} <= kept


def test_the_unit_gives_the_service_nothing_but_its_store() -> None:
    unit = (ROOT / "deploy/shoplens.service").read_text("utf-8")
    for line in (
        "User=shoplens",
        "UMask=0077",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "SystemCallFilter=@system-service",
        "MemoryMax=4G",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    ):
        assert line in unit.splitlines(), line
    assert "NUMBA_CACHE_DIR=/var/cache/shoplens" in unit and "CacheDirectory=shoplens" in unit
