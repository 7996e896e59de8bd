"""The manifest says where every file comes from and what it must be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import core.weights.manifest as module
from core.errors import WeightsError
from core.weights import catalogue, find
from core.weights.manifest import HubSource, PackageSource


def test_a_replay_needs_five_weights():
    needed = {weight.name for weight in catalogue() if weight.group == "replay"}
    assert needed == {"silero-vad", "yunet", "wespeaker", "minilm", "whisper-base"}


def test_every_weight_can_be_had_from_somewhere_and_has_a_name_of_its_own():
    names = [weight.name for weight in catalogue()]
    assert len(set(names)) == len(names)
    assert all(weight.sources for weight in catalogue())


def test_what_a_replay_needs_can_be_had_without_a_model_hub():
    for weight in catalogue():
        if weight.group in {"replay", "demo"}:
            assert any(isinstance(source, PackageSource) for source in weight.sources), weight.name


def test_the_hub_is_asked_for_a_commit_and_not_for_a_branch():
    revisions = [s.revision for weight in catalogue() for s in weight.sources if isinstance(s, HubSource)]
    assert revisions
    assert all(re.fullmatch(r"[0-9a-f]{40}", revision) for revision in revisions)


def test_packages_deliver_every_file_once_or_in_consecutive_parts():
    for weight in catalogue():
        for source in weight.sources:
            if not isinstance(source, PackageSource):
                continue
            takes = [take for package in source.packages for take in package.takes]
            assert {take.file for take in takes} == {file.name for file in weight.files}
            for file in weight.files:
                parts = [take.part for take in takes if take.file == file.name]
                assert parts in ([None], list(range(1, len(parts) + 1))), file.name


def test_no_package_index_is_named_so_that_the_users_own_is_used():
    text = Path(module.__file__).with_name("manifest.yaml").read_text()
    assert not re.search(r"pypi|pythonhosted|/simple/", text)


def test_a_misspelt_name_is_answered_with_the_nearest_one():
    with pytest.raises(WeightsError, match=r"Did you mean whisper-base\?"):
        find("wisper-base")
