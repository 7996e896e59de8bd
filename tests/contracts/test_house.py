"""No rooms of a package lead back to each other, also not by imports within functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import house

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["core", "realtime", "train"])
def test_no_rooms_lead_back_to_each_other(package):
    rooms, arrows = list(house.rooms_of(ROOT / package)), house.arrows_of(ROOT / package)
    assert house.circles_of(rooms, arrows) == []


@pytest.fixture
def package(tmp_path) -> Path:
    """Four rooms: top imports middle in a function, middle imports low, low imports middle's types."""
    folder = tmp_path / "house"
    (folder / "low").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "alone.py").write_text("LIMIT = 3\n")
    (folder / "low" / "__init__.py").write_text("")
    (folder / "low" / "deep.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.middle import Thing\n"
    )
    (folder / "middle.py").write_text("from .low import deep\nclass Thing: ...\n")
    (folder / "top.py").write_text("def run():\n    from house import middle\n    return middle\n")
    return folder


def test_imports_in_functions_count_and_types_do_not(package):
    assert set(house.arrows_of(package)) == {("middle", "low"), ("top", "middle")}
    assert house.floors_of(list(house.rooms_of(package)), house.arrows_of(package)) == 3


def test_a_circle_is_found_wherever_it_closes(package):
    (package / "low" / "deep.py").write_text("def later():\n    import house.top\n")
    rooms, arrows = list(house.rooms_of(package)), house.arrows_of(package)
    assert house.circles_of(rooms, arrows) == [["low", "middle", "top"]]
    assert house.floors_of(rooms, arrows) == 1


def test_a_list_of_constants_is_not_thin(package):
    assert not house.is_thin(package / "alone.py")
    assert house.is_thin(package / "middle.py")
