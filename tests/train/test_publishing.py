"""A published folder is a checkpoint, with a card and a config that hubs read."""

import json
import shutil

import pytest
import yaml

from core.backends.artifacts import check_files
from core.errors import ConfigError, SpecMismatch
from core.resources import shipped
from core.spec import read_spec
from train.publishing import publish


@pytest.fixture
def checkpoint():
    return shipped("checkpoints/default")


def test_a_published_folder_is_the_same_checkpoint(checkpoint, tmp_path):
    written = publish(checkpoint, tmp_path / "hub")
    spec = read_spec(tmp_path / "hub")
    assert spec == read_spec(checkpoint)
    check_files(spec, tmp_path / "hub")
    assert {"README.md", "config.json", "spec.json", spec.fusion.file} <= {file.name for file in written}


def test_its_card_begins_with_what_hubs_read_and_goes_on_as_ours(checkpoint, tmp_path):
    publish(checkpoint, tmp_path / "hub")
    empty, head, text = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    meta = yaml.safe_load(head)
    assert (empty, meta["language"], meta["library_name"]) == ("", ["en"], "emotrack")
    assert meta["license"] == "cc-by-nc-sa-4.0"
    assert text.strip() == (checkpoint / "MODEL_CARD.md").read_text(encoding="utf-8").strip()


def test_its_config_names_labels_and_hash(checkpoint, tmp_path):
    publish(checkpoint, tmp_path / "hub")
    config = json.loads((tmp_path / "hub" / "config.json").read_text(encoding="utf-8"))
    spec = read_spec(checkpoint)
    assert [config["id2label"][str(i)] for i in range(len(spec.labels))] == list(spec.labels)
    assert config["spec_sha256"] == spec.sha256


def test_a_licence_that_hubs_do_not_know_is_named_as_another(checkpoint, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(checkpoint, folder)
    values = json.loads((folder / "spec.json").read_text(encoding="utf-8")) | {"license": "for my lab (ask)"}
    (folder / "spec.json").write_text(json.dumps(values), encoding="utf-8")
    publish(folder, tmp_path / "hub")
    meta = yaml.safe_load((tmp_path / "hub" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert (meta["license"], meta["license_name"]) == ("other", "for my lab")


def test_what_is_not_whole_or_has_no_card_is_not_published(checkpoint, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(checkpoint, folder)
    (folder / "MODEL_CARD.md").unlink()
    with pytest.raises(ConfigError, match="card"):
        publish(folder, tmp_path / "hub")
    (folder / "MODEL_CARD.md").write_text("A card.")
    (folder / read_spec(folder).fusion.file).write_bytes(b"other")
    with pytest.raises(SpecMismatch):
        publish(folder, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_a_folder_that_holds_something_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="already"):
        publish(checkpoint, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
