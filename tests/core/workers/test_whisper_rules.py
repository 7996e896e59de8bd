import json
import shutil

import numpy as np
import pytest
from tokenizers import Tokenizer

from core.errors import ModelError
from core.workers.loading import load_whisper
from core.workers.transcribe import Transcriber
from core.workers.whisper import Whisper
from core.workers.whisper_rules import checked_languages, fit_features, is_folder, shown_name


class Marks:
    """A tokenizer that knows some marks."""

    def __init__(self, **ids):
        self.ids = {f"<|{name}|>": number for name, number in ids.items()}

    def token_to_id(self, token):
        return self.ids.get(token)


ENGLISH = {"endoftext": 10, "startoftranscript": 11, "startofprev": 14, "notimestamps": 15}
MANY = ENGLISH | {"transcribe": 13, "en": 12, "de": 16}


def test_a_folder_is_told_from_a_size():
    assert [is_folder(name) for name in ("base", "tiny.en", "large-v3-turbo")] == [False] * 3
    assert all(is_folder(name) for name in ("./mine", "../mine", "/models/mine", "~/mine", r"C:\mine"))


def test_a_folder_is_called_by_its_last_name_only():
    assert [shown_name(name) for name in ("base", "/home/ann/mine", r"C:\ann\mine", "./mine/")] == [
        "base", "mine", "mine", "mine",
    ]  # fmt: skip


def test_a_network_knows_the_languages_that_its_tokenizer_can_ask_for(tmp_path):
    known = checked_languages(Marks(**MANY), ["en", "de", "yue"], multilingual=True, where=tmp_path)
    assert known == {"en", "de"}
    assert checked_languages(Marks(**ENGLISH), ["en", "de"], multilingual=False, where=tmp_path) == {"en"}


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({}, "endoftext"),
        ({k: v for k, v in MANY.items() if k != "notimestamps"}, "notimestamps"),
        (ENGLISH, "transcribe"),
        (MANY | {"startofprev": 3}, "among its words"),
        ({k: v for k, v in MANY.items() if k not in {"en", "de"}}, "no language"),
    ],
)
def test_what_is_no_tokenizer_of_a_whisper_is_refused_with_the_reason(tmp_path, marks, message):
    with pytest.raises(ModelError, match=message):
        checked_languages(Marks(**marks), ["en", "de"], multilingual=True, where=tmp_path)


class Extractor:
    def __init__(self, feature_size=80):
        self.mel_filters = np.zeros((feature_size, 201))


class Network:
    def __init__(self, n_mels):
        self.model = type("Model", (), {"n_mels": n_mels})()
        self.feature_extractor = Extractor()


def test_a_network_of_128_mel_bins_gets_them_although_its_folder_does_not_say_so(tmp_path):
    network = Network(128)
    fit_features(network, tmp_path)
    assert len(network.feature_extractor.mel_filters) == 128


def test_a_folder_that_says_another_number_of_mel_bins_is_refused(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelError, match="80 mel bins"):
        fit_features(Network(128), tmp_path)


# --- with real ones -----------------------------------------------------------------------------------


def copied(weight, tmp_path):
    """The files of a recogniser, in a folder of a user's own."""
    folder = tmp_path / "my-whisper"
    shutil.copytree(weight, folder)
    return folder


@pytest.mark.parametrize(("size", "languages"), [("tiny.en", 1), ("base", 99)])
def test_every_size_here_keeps_the_rules(weights, size, languages):
    network = Whisper(weights(f"whisper-{size}"), device="cpu", cpu_threads=1)
    assert len(network.languages) == languages
    assert "yue" not in network.languages


def test_a_folder_of_a_users_own_is_loaded_by_its_path_and_writes_the_same(weights, tmp_path):
    folder = copied(weights("whisper-tiny.en"), tmp_path)
    samples = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    mine, known = (
        load_whisper(str(folder), 1),
        Whisper(weights("whisper-tiny.en"), device="cpu", cpu_threads=1),
    )
    texts = [w.decode(w.encode(samples, 10), "en", most_tokens=20, beams=1).text for w in (mine, known)]
    assert texts[0] == texts[1]
    assert Transcriber(mine, language="en").current_language == "en"


def test_a_folder_with_the_tokenizer_of_another_network_is_refused(weights, tmp_path):
    folder = copied(weights("whisper-tiny.en"), tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] != "<|startofprev|>"]
    content["model"]["vocab"].pop("<|startofprev|>", None)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id("<|startofprev|>") is None
    with pytest.raises(ModelError, match="startofprev"):
        Whisper(folder, device="cpu", cpu_threads=1)
