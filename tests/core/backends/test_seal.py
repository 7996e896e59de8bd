"""Compiled networks are loaded only where this user's program compiled them here."""

from __future__ import annotations

import os
import shutil

import pytest

from core.backends.base import Unusable
from core.backends.compiled import compiled_folder
from core.backends.compiling import compile_networks
from core.backends.loading import load_backend
from core.errors import ModelError, SpecMismatch


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    monkeypatch.setenv("EMOTRACK_STATE", str(folder))
    return folder


@pytest.fixture
def folder(state, source, fake, place):
    return compile_networks(source, fake, root=place.root).folder


def refused(place, fake, match):
    fake.loaded.clear()
    with pytest.raises(Unusable, match=match) as caught:
        load_backend(place, fake)
    assert caught.value.stage == "manifest"
    assert fake.loaded == [], "nothing of the folder may be opened before it is trusted"


def test_what_was_compiled_here_is_loaded_and_is_its_owners_alone(folder, state, place, fake):
    assert load_backend(place, fake).backend == "fake"
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (state / "artifacts.key").stat().st_mode & 0o777 == 0o600
    assert not any("key" in p.name for p in folder.parent.rglob("*"))


def test_a_cache_that_came_from_elsewhere_is_refused(folder, state, place, fake):
    shutil.rmtree(state)  # another user or machine has another key, or none
    refused(place, fake, "not compiled by you on this machine")
    state.mkdir()
    (state / "artifacts.key").write_bytes(b"k" * 32)
    (state / "artifacts.key").chmod(0o600)
    refused(place, fake, "not compiled by you on this machine")


def test_a_manifest_that_vouches_for_another_file_is_refused(folder, place, fake):
    path = folder / "manifest.json"
    path.write_text(path.read_text() + "\n")
    refused(place, fake, "not compiled by you on this machine")


@pytest.mark.parametrize("seal", [None, b"", b"0" * 64, b"\xff\xfe"])
def test_a_folder_without_the_right_seal_is_refused(folder, place, fake, seal):
    path = folder / "manifest.seal"
    path.unlink() if seal is None else path.write_bytes(seal)
    refused(place, fake, "not compiled by you on this machine")


@pytest.mark.parametrize("name", [".", "manifest.json", "fusion.fake"])
def test_what_others_may_write_is_refused(folder, place, fake, name):
    path = folder / name
    path.chmod(path.stat().st_mode | 0o020)
    refused(place, fake, "can be changed by others than you")


def test_what_belongs_to_somebody_else_is_refused(folder, place, fake, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refused(place, fake, "can be changed by others than you")


def test_a_link_to_files_elsewhere_is_refused(folder, place, fake, tmp_path):
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(SpecMismatch, match="outside of"):
        load_backend(place, fake)


def test_a_key_that_others_may_change_counts_for_nothing(folder, state, place, fake):
    (state / "artifacts.key").chmod(0o622)
    refused(place, fake, "not compiled by you on this machine")


def test_a_key_that_cannot_be_kept_is_told_before_anything_counts(state, source, fake, place):
    state.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="EMOTRACK_STATE"):
        compile_networks(source, fake, root=place.root)
    assert not compiled_folder(place.spec, fake, "fp32", place.root).exists()
