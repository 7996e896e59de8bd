"""What is installed with emotrack, and what an installed emotrack consists of."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import emotrack
from core.errors import EmotrackError
from core.resources import shipped

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

NEVER_IMPORTED = {
    "onnx": "torch.onnx.export needs it",
    "onnxscript": "torch.onnx.export needs it",
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    found = {canonical(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}
    return found - {"emotrack"}


BASE = names(PROJECT["dependencies"])
TRAIN = names(EXTRAS["train"]) | names(EXTRAS["ray"])
DESKTOP = names(EXTRAS["desktop"])
BACKENDS = names(EXTRAS["openvino"]) | names(EXTRAS["tensorrt"]) | names(EXTRAS["tensorrt-rtx"])
DEVELOPMENT = names(EXTRAS["test"]) | names(EXTRAS["dev"]) | names(EXTRAS["fuzz"])
OWNERS = packages_distributions()

BACKEND_MODULES = {
    "openvino": "openvino",
    "tensorrt_rtx": "torch-tensorrt-rtx",
    "torch_tensorrt": "torch-tensorrt",
}
"""Modules of the extras, which need not be installed -> what brings them."""


def imported(*folders: str) -> set[str]:
    """Distributions whose modules the Python files of these folders import."""
    modules: set[str] = set()
    for path in [file for folder in folders for file in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    modules -= set(sys.stdlib_module_names) | set(emotrack.PACKAGES)
    return {_owner(module) for module in modules}


def _owner(module: str) -> str:
    if module in BACKEND_MODULES:
        return BACKEND_MODULES[module]
    owners = sorted(canonical(name) for name in OWNERS.get(module, [module]))
    return next((owner for owner in owners if owner in BASE | TRAIN), owners[0])


# --- dependencies ------------------------------------------------------------------------------------


def test_the_live_loop_imports_only_what_is_declared() -> None:
    assert imported("core", "realtime") <= BASE | BACKENDS | DESKTOP
    assert imported("realtime") <= BASE | DESKTOP
    assert imported("realtime/desktop") >= DESKTOP


def test_the_packages_of_backends_are_imported_in_their_own_files_alone() -> None:
    for name, module in (("openvino", "openvino"), ("tensorrt", "torch_tensorrt"), ("tensorrt_rtx",) * 2):
        holders = [
            path.name
            for path in (ROOT / "core").rglob("*.py")
            if re.search(rf"^\s*(import|from) {module}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
        ]
        assert holders == [f"{name}.py"]


def test_the_extras_of_tensorrt_exclude_each_other_and_hold_torchs_minor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    declared = [{entry["extra"] for entry in pair} for pair in settings["conflicts"]]
    assert {"tensorrt", "tensorrt-rtx"} in declared
    for extra in ("tensorrt", "tensorrt-rtx"):
        assert all(">=2.13,<2.14" in requirement for requirement in EXTRAS[extra])
    assert "all" not in EXTRAS


def test_training_imports_only_what_is_declared() -> None:
    assert imported("train") <= BASE | TRAIN


def test_nothing_is_declared_that_nobody_needs() -> None:
    used = imported("core", "realtime", "train") | set(NEVER_IMPORTED)
    assert used >= BASE | TRAIN | BACKENDS | DESKTOP


def test_the_base_installation_names_nothing_of_nvidia() -> None:
    for requirement in PROJECT["dependencies"]:
        assert not re.search(r"nvidia|tensorrt|cuda|cupy|triton", requirement, re.IGNORECASE)


def test_torch_is_held_at_the_minor_that_the_compiled_backends_need() -> None:
    assert "torch>=2.13,<2.14" in PROJECT["dependencies"]
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()


def test_every_dependency_has_an_exact_version_that_is_known_to_work() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ;+]+", line) for line in lines)
    pinned = {canonical(line.partition("==")[0]) for line in lines}
    declared = BASE | TRAIN | names(EXTRAS["openvino"]) | DESKTOP | DEVELOPMENT
    assert declared <= pinned
    assert not any(re.search("nvidia|cuda|tensorrt|triton", name) for name in pinned)


def test_every_dependency_is_justified() -> None:
    text = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8")
    justified = {canonical(name) for name in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)}
    assert justified == BASE | TRAIN | BACKENDS | DESKTOP | DEVELOPMENT


def test_no_file_names_a_package_index() -> None:
    for name in ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"index-url|find-links|/simple\b|\.whl\b|pypi\.", text), name


# --- the wheel ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    [built] = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    """A folder in which the wheel is installed, as pip lays it out."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def run_installed(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "emotrack", *words],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_wheel_holds_the_entry_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    tops = {name.split("/")[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"emotrack.py", *emotrack.PACKAGES}
    assert not [name for name in files if "__pycache__" in name or "/tests/" in name]


def test_the_wheel_carries_every_file_that_the_packages_need(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *emotrack.PACKAGES, "configs", "checkpoints/default"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in tracked.stdout.splitlines():
        if (ROOT / name).exists():
            inside = f"core/_data/{name}" if name.startswith(("configs/", "checkpoints/")) else name
            assert inside in files


def test_an_installed_emotrack_runs_and_finds_what_came_with_it(site: Path) -> None:
    assert run_installed(site, "--help").returncode == 0
    assert run_installed(site, "schema").stdout.startswith("{")
    code = "from core.resources import shipped; print(shipped('configs/replay.yaml'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == site / "core" / "_data" / "configs" / "replay.yaml"


def test_an_installed_emotrack_offers_no_verb_that_only_a_checkout_has(site: Path) -> None:
    assert "bench" not in run_installed(site, "--help").stdout
    done = run_installed(site, "bench", "replay")
    assert done.returncode == 8
    assert "not part of this installation" in done.stderr


@pytest.mark.parametrize("damage", ["another project's text\n", None])
def test_an_installation_that_another_project_overwrote_stops_with_the_file(
    damage: str | None, site: Path
) -> None:
    file = site / "core" / "errors.py"
    if damage is None:
        file.unlink()
    else:
        file.write_text(damage)
    done = run_installed(site, "--help")
    assert done.returncode == emotrack.FOREIGN_EXIT_CODE
    assert f"{file} is not emotrack's own file" in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_not_shipped_is_an_error_that_names_it() -> None:
    assert shipped("configs/replay.yaml") == ROOT / "configs" / "replay.yaml"
    with pytest.raises(EmotrackError, match=r"configs/none\.yaml: is not part of this installation"):
        shipped("configs/none.yaml")
