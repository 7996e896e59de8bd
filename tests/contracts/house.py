"""Counts how the packages are cut: rooms, floors, arrows, circles, thin files, loops written by hand.

    python tests/contracts/house.py [FOLDER]    # a checkout; this one by default

- room: a direct child of a package, a module or a folder.
- arrow: an import from one room of a package to another; imports within functions count, types alone do not.
- floors: layers of the rooms by these arrows; rooms of one circle share a floor.
- circle: rooms that lead back to each other; `in_circles` counts the arrows within.
- thin file: under 60 lines, and neither `__init__` nor a list of constants.
- loops of training: functions in which a loop calls `backward`.
- loops of sessions: functions of `realtime` in which a loop pushes into an engine.
- reducers: classes and functions of `realtime` that tell four kinds of events apart.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGES: Final = ("core", "realtime", "train")
_THIN_LINES: Final = 60
_KINDS: Final = frozenset(
    ("hello", "utterance", "transcript", "words", "estimate", "status", "person", "mark", "end", "track")
)
_EVENTS: Final = frozenset(
    name for kind in _KINDS for name in (kind.capitalize(), f"{kind.capitalize()}Event")
) | {"Word", "WordEvent"}
_FEWEST_KINDS: Final = 4

Arrows = dict[tuple[str, str], set[str]]
"""(from, to) -> files that import."""


def rooms_of(package: Path) -> dict[str, list[Path]]:
    """Room -> its files."""
    found: dict[str, list[Path]] = {}
    for child in sorted(package.iterdir()):
        if child.is_dir() and list(child.rglob("*.py")):
            found[child.name] = sorted(child.rglob("*.py"))
        elif child.suffix == ".py" and child.stem != "__init__":
            found[child.stem] = [child]
    return found


def imports_of(tree: ast.AST, module: str) -> Iterator[str]:
    """Every module or name that is imported when code runs, with its dots."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports_of(other, module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = module.split(".")[: -node.level]
                base = ".".join([*outer, *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        else:
            yield from imports_of(node, module)


def arrows_of(package: Path) -> Arrows:
    """The arrows between the rooms of a package."""
    rooms = rooms_of(package)
    arrows: Arrows = {}
    for room, files in rooms.items():
        for path in files:
            module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            for name in imports_of(ast.parse(path.read_text(encoding="utf-8")), module):
                parts = name.split(".")
                if parts[0] == package.name and len(parts) > 1 and parts[1] in rooms and parts[1] != room:
                    arrows.setdefault((room, parts[1]), set()).add(str(path.relative_to(package.parent)))
    return arrows


def circles_of(rooms: list[str], arrows: Arrows) -> list[list[str]]:
    """Groups of rooms that lead back to each other."""
    reach = {room: {b for a, b in arrows if a == room} for room in rooms}
    for middle in rooms:
        for room in rooms:
            if middle in reach[room]:
                reach[room] |= reach[middle]
    groups = {frozenset(b for b in reach[room] if room in reach[b]) for room in rooms if room in reach[room]}
    return sorted(sorted(group) for group in groups)


def floors_of(rooms: list[str], arrows: Arrows) -> int:
    """Length of the longest way down, a circle counting once."""
    home = {room: room for room in rooms}
    for group in circles_of(rooms, arrows):
        home |= dict.fromkeys(group, group[0])
    down: dict[str, set[str]] = {}
    for a, b in arrows:
        if home[a] != home[b]:
            down.setdefault(home[a], set()).add(home[b])
    heights: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in heights:
            heights[room] = 1 + max((height(below) for below in down.get(room, ())), default=0)
        return heights[room]

    return max(height(home[room]) for room in rooms)


def is_thin(path: Path) -> bool:
    """Whether a file is under 60 lines and does something."""
    text = path.read_text(encoding="utf-8")
    does = any(
        isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.parse(text).body
    )
    return path.stem != "__init__" and len(text.splitlines()) < _THIN_LINES and does


def _units(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Name and body of each function, of modules and of classes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}:{node.name}", node


def _loop_calls(unit: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(unit):
        if isinstance(node, ast.For | ast.While | ast.AsyncFor):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    yield call.func


def training_loops(folder: Path) -> list[str]:
    """Functions of `train` with a loop of gradient steps."""
    files = sorted((folder / "train").rglob("*.py"))
    units = (unit for path in files for unit in _units(path))
    return [name for name, unit in units if any(call.attr == "backward" for call in _loop_calls(unit))]


def session_loops(folder: Path) -> list[str]:
    """Functions of `realtime` with a loop that pushes into an engine."""
    units = (unit for path in sorted((folder / "realtime").rglob("*.py")) for unit in _units(path))
    return [
        name
        for name, unit in units
        if any(call.attr == "push" and "engine" in ast.unparse(call.value) for call in _loop_calls(unit))
    ]


def reducers(folder: Path) -> list[str]:
    """Classes and free functions of `realtime` that tell four or more kinds of events apart."""
    found = []
    for path in sorted((folder / "realtime").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and len(_kinds(node)) >= _FEWEST_KINDS:
                found.append(f"{path}:{node.name}")
    return found


def _kinds(unit: ast.AST) -> set[str]:
    """Kinds of events that are asked for by isinstance, match or comparison with a type's name."""
    kinds: set[str] = set()
    for node in ast.walk(unit):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            kinds |= {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)} & _EVENTS
        elif isinstance(node, ast.MatchClass):
            kinds |= {ast.unparse(node.cls).rpartition(".")[2]} & _EVENTS
        elif isinstance(node, ast.MatchValue) or (
            isinstance(node, ast.Compare) and "type" in ast.unparse(node.left)
        ):
            kinds |= {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value in _KINDS}
    return kinds


def counts(folder: Path) -> dict[str, object]:
    """Everything that the module's docstring names."""
    files = [path for package in PACKAGES for path in sorted((folder / package).rglob("*.py"))]
    files += [*sorted((folder / "benchmarks").rglob("*.py")), folder / "emotrack.py"]
    result: dict[str, object] = {"files": len(files), "thin_files": sum(map(is_thin, files))}
    for package in PACKAGES:
        rooms, arrows = list(rooms_of(folder / package)), arrows_of(folder / package)
        circles = circles_of(rooms, arrows)
        own = [path for path in files if path.is_relative_to(folder / package)]
        result[package] = {
            "files": len(own),
            "thin_files": sum(map(is_thin, own)),
            "rooms": len(rooms),
            "floors": floors_of(rooms, arrows),
            "arrows": len(arrows),
            "circles": circles,
            "in_circles": sum(any(a in g and b in g for g in circles) for a, b in arrows),
        }
    for name, found in (
        ("training_loops", training_loops(folder)),
        ("session_loops", session_loops(folder)),
        ("reducers", reducers(folder)),
    ):
        result[name] = [str(Path(one).relative_to(folder)) for one in found]
    return result


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    sys.stdout.write(json.dumps(counts(where.resolve()), indent=1) + "\n")
