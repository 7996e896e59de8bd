"""Known vulnerabilities of the pinned packages: `make audit`.

pip-audit asks a public list, in an environment of its own. Where none can be reached nothing fails: that is
said, and the exit code is 0. It is 1 where a pinned version has a known hole.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def holes_in(report: str) -> list[str] | None:
    """Lines about packages with known holes; None where the report is none."""
    try:
        found: dict[str, Any] = json.loads(report)
    except ValueError:
        return None
    return [
        f"{package['name']} {package['version']}: {hole['id']}, fixed in {hole['fix_versions'] or 'none'}"
        for package in found.get("dependencies", [])
        for hole in package.get("vulns", [])
    ]


def audit() -> str:
    """What pip-audit prints; empty where it cannot be had."""
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = str(Path(name) / "bin" / "python")
        installed = subprocess.run(
            [python, "-m", "pip", "install", "-q", "pip-audit"], capture_output=True, check=False
        )
        if installed.returncode:
            return ""
        options = [
            "--requirement",
            str(ROOT / "constraints.txt"),
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
        ]
        return subprocess.run(
            [python, "-m", "pip_audit", "--progress-spinner", "off", *options],
            capture_output=True,
            text=True,
            check=False,
        ).stdout


def main() -> int:
    """Ask and say."""
    holes = holes_in(audit())
    if holes is None:
        sys.stdout.write("No list of vulnerabilities could be reached: nothing was checked.\n")
        return 0
    sys.stdout.write("\n".join([*holes, f"{len(holes)} known holes in the pinned packages."]) + "\n")
    return int(bool(holes))


if __name__ == "__main__":
    sys.exit(main())
