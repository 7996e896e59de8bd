"""Uses trust an unchanged file; the full check trusts nothing."""

from __future__ import annotations

import os

import pytest

from core.weights import cache as module
from core.weights import is_ready, verify
from tests.core.weights.fakes import CONFIG, MODEL


@pytest.fixture
def weight(declare):
    return declare()


@pytest.fixture
def folder(empty_cache, weight):
    folder = empty_cache / "weights" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(MODEL)
    (folder / "config.json").write_bytes(CONFIG)
    return folder


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files that were hashed since."""
    names: list[str] = []
    real = module.file_sha256

    def counted(path):
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(module, "file_sha256", counted)
    return names


def test_the_first_use_hashes_and_the_next_ones_do_not(weight, folder, hashed):
    assert is_ready(weight)
    assert sorted(hashed) == ["config.json", "model.bin"]
    hashed.clear()
    assert is_ready(weight)
    assert hashed == []


def test_a_file_with_another_time_stamp_is_hashed_again(weight, folder, hashed):
    assert is_ready(weight)
    hashed.clear()
    os.utime(folder / "model.bin", ns=(1, 1))
    assert is_ready(weight)
    assert "model.bin" in hashed


@pytest.mark.parametrize("stamp", ["", "[]", "null", '{"model.bin": 3}', '{"model.bin": [1, 2]}'])
def test_a_damaged_stamp_is_no_stamp(weight, folder, stamp):
    (folder / module.STAMP).write_text(stamp)
    assert is_ready(weight)


def test_the_full_check_finds_a_change_that_left_size_and_time_alone(weight, folder):
    assert is_ready(weight)
    before = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(MODEL[:-1] + b"!")
    os.utime(folder / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    report = verify("tiny")
    assert report.files == {"model.bin": "damaged", "config.json": "ok"}
    assert not report.ok
    assert not is_ready(weight)


def test_the_report_tells_absent_from_damaged(weight, folder):
    (folder / "config.json").unlink()
    (folder / "model.bin").write_bytes(b"short")
    assert verify("tiny").files == {"model.bin": "damaged", "config.json": "absent"}


def test_a_cache_that_is_read_only_can_be_used(weight, folder, monkeypatch):
    monkeypatch.setattr(module.os, "getpid", lambda: "x/y")  # the stamp's temporary file cannot be made
    assert is_ready(weight)
    assert not (folder / module.STAMP).exists()
