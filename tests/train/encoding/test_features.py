"""The cache of tokens: nothing is computed twice, and nothing stale is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError
from core.window import Tokens
from train.config import CorpusConfig
from train.corpora.base import TextExample, labels_of
from train.corpora.registry import CORPORA, read_corpus
from train.data.token_set import load_tokens, save_tokens
from train.encoding.features import CHUNK, encode_examples
from train.training_data import limited


def texts(count: int) -> list[TextExample]:
    split = ("train", "train", "validation")
    labels = labels_of({"fear": 1.0})
    return [
        TextExample(f"t{i}", "made-up", f"s{i}", split[i % 3], labels, "word " * (i % 4 + 1))
        for i in range(count)
    ]


class Counting:
    """An encoder that remembers what it was asked for."""

    timing = "ordered"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, examples):
        self.asked += [e.id for e in examples]
        lengths = [len(e.text.split()) for e in examples]
        return [Tokens(np.full((n, 3), n, np.float32), np.arange(n, dtype=np.float32)) for n in lengths]

    def content(self, example) -> bytes:
        return example.text.encode()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "text_adapter.safetensors").write_bytes(b"weights")
    return tmp_path


def encode(examples, folder, encoder):
    return encode_examples("made-up", "text", examples, folder, folder / "cache", lambda: encoder)


def test_tokens_labels_and_splits_stay_together(folder):
    examples = texts(10)
    tokens = encode(examples, folder, Counting())
    assert set(tokens.ids) == {e.id for e in examples}
    for row, name in enumerate(tokens.ids):
        example = examples[int(name[1:])]
        assert len(tokens.tokens["text"][row]) == len(example.text.split())
        assert tokens.splits[row] == example.split
        np.testing.assert_array_equal(tokens.targets[row], example.labels.target)


def test_a_second_call_computes_nothing_and_an_interrupted_one_only_what_is_left(folder):
    examples = texts(3 * CHUNK)
    first, second, third = Counting(), Counting(), Counting()
    encode(examples, folder, first)
    assert len(first.asked) == len(examples)
    assert encode(examples, folder, second).ids
    assert second.asked == []
    newest = max((folder / "cache" / "made-up").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    encode(examples, folder, third)
    assert 0 < len(third.asked) <= CHUNK


@pytest.mark.parametrize("change", ["text", "label", "weights"])
def test_what_has_changed_is_computed_again(folder, change):
    examples = texts(6)
    encode(examples, folder, Counting())
    if change == "text":
        examples[0] = replace(examples[0], text="other words")
    elif change == "label":
        examples[0] = replace(examples[0], labels=labels_of({"anger": 1.0}))
    else:
        (folder / "text_adapter.safetensors").write_bytes(b"other weights")
    encoder = Counting()
    encode(examples, folder, encoder)
    assert "t0" in encoder.asked


def test_token_sets_survive_storage(folder):
    tokens = encode(texts(5), folder, Counting())
    save_tokens(tokens, folder / "set.npz")
    loaded = load_tokens(folder / "set.npz")
    assert (loaded.ids, loaded.sources, loaded.splits) == (tokens.ids, tokens.sources, tokens.splits)
    np.testing.assert_array_equal(loaded.tokens["text"].values, tokens.tokens["text"].values)
    assert loaded.tokens["text"].timing == "ordered"


def test_taking_rows_takes_their_tokens(folder):
    tokens = encode(texts(9), folder, Counting())
    taken = tokens.take([7, 2])
    for row, origin in enumerate((7, 2)):
        np.testing.assert_array_equal(taken.tokens["text"][row].values, tokens.tokens["text"][origin].values)
    assert len(tokens.part("train")) + len(tokens.part("validation")) == len(tokens.part("all")) == 9


def test_limits_keep_the_same_examples_whatever_the_order_and_no_test_part():
    examples = texts(30)
    use = CorpusConfig(limit=5, validation_limit=3)
    kept = limited(examples, use)
    assert [e.split for e in kept] == ["train"] * 5 + ["validation"] * 3
    assert limited(examples[::-1], use) == kept
    test = [replace(e, split="test") for e in examples]
    assert limited(test, use) == []


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="goemotions"):
        read_corpus("goemotion", tmp_path)
    assert all(entry.licence for entry in CORPORA.values())
