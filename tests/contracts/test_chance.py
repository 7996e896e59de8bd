"""The tests fail for what a change does, never by chance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]
SPLITS_OTHER_TEXT = {
    "core/backends/compiling.py",  # an error of a library
    "core/backends/host.py",  # /proc/cpuinfo
    "core/schema.py",  # docstrings of this project
    "core/weights/packages.py",  # what pip says
    "core/weights/web.py",  # an error of a library
    "realtime/consent/terminal.py",  # a notice of this project
    "core/backends/preparation.py",  # an error of this program
    "train/progress.py",  # JSON in ASCII that it has written itself
}
"""Files that may use `str.splitlines`, and on what."""


def test_property_tests_draw_the_same_examples_every_time_however_slow_the_machine(request):
    if request.config.getoption("--hypothesis-profile"):
        pytest.skip("another profile was asked for")
    assert settings.default.derandomize
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@pytest.mark.parametrize("on_a_build_server", ["1", ""])
def test_other_examples_are_drawn_where_they_are_asked_for(tmp_path, on_a_build_server):
    test = tmp_path / "test_a.py"
    (tmp_path / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text("utf-8"), encoding="utf-8"
    )
    lines = [
        "from hypothesis import settings",
        "def test_a():",
        "    assert settings.default.max_examples == 1000",
        "    assert not settings.default.derandomize",
    ]
    test.write_text("\n".join(lines), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=explore",
        test,
    ]
    env = {name: value for name, value in os.environ.items() if name != "CI"} | {"PYTHONPATH": str(ROOT)}
    env |= {"CI": on_a_build_server} if on_a_build_server else {}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_words_of_people_are_not_split_where_only_python_sees_the_end_of_a_line():
    """U+0085, U+2028 and others end a line for `str.splitlines`, and none in a file."""
    packages = [*(ROOT / name for name in ("core", "realtime", "train"))]
    found = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in package.rglob("*.py")
        if ".splitlines(" in path.read_text(encoding="utf-8")
    }
    assert found <= SPLITS_OTHER_TEXT, f"split at \\n: {sorted(found - SPLITS_OTHER_TEXT)}"
