"""The rules of the house: who imports whom, and what a start-up may cost."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "realtime", "train")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [command, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_live_loop_can_be_imported_without_torch() -> None:
    names = [module.name for module in pkgutil.walk_packages([str(ROOT / "realtime")], "realtime.")]
    assert "realtime.cli.app" in names
    code = f"import sys, {', '.join(names)}; sys.exit('torch' in sys.modules)"
    done = python(code)
    assert done.returncode == 0, done.stderr or "torch was imported"


@pytest.mark.parametrize(
    "module", ["core.config", "core.engine.engine", "core.spec", "core.wire", "core.schema", "core.weights"]
)
def test_the_core_that_a_replay_uses_can_be_imported_without_torch(module: str) -> None:
    done = python(f"import sys, {module}; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr or "torch was imported"


HEAVY = ("torch", "onnxruntime", "cv2", "av", "faster_whisper", "matplotlib", "transformers", "sklearn")


def test_reading_the_command_line_imports_nothing_heavy() -> None:
    done = python(
        f"import sys, realtime.cli.app, realtime.config; print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_core_opens_no_camera() -> None:
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] == "core":
            names = {n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)}
            assert "VideoCapture" not in names, path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_of_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    assert ast.get_docstring(ast.parse(text)), "a module begins with a docstring"
