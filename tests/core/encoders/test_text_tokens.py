import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders.text_tokens import MAX_PIECES, PieceTokenizer, pad_pieces
from core.errors import ModelError

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _tokenizer(folder):
    """WordPiece over single letters: every letter of a word is a piece."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    special = [{"id": i, "content": t, "special": True} for i, t in enumerate(tokens[:4])]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    template = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
            "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
        },
    }
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": vocabulary,
    }
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**token, **flags} for token in special],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template,
        "decoder": None,
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return PieceTokenizer(folder)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return _tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_every_piece_has_the_time_of_its_word(tokenizer):
    pieces = tokenizer.pieces(["Ab", "c", "def"], [1.0, 2.0, 3.0])
    assert pieces.times_s.tolist() == [1, 1, 1, 2, 3, 3, 3, 3]
    assert pieces.ids[0] == 2
    assert pieces.ids[-1] == 3


@given(st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=40))
def test_times_never_decrease_and_the_newest_words_are_kept(tokenizer, words):
    pieces = tokenizer.pieces(words, [float(index) for index in range(len(words))])
    assert len(pieces.ids) == len(pieces.times_s) == min(MAX_PIECES, sum(map(len, words)) + 2)
    assert (np.diff(pieces.times_s) >= 0).all()
    assert pieces.times_s[-1] == len(words) - 1


def test_words_without_any_piece_still_give_a_token(tokenizer):
    assert tokenizer.pieces([" "], [4.0]).times_s.tolist() == [4.0, 4.0]


def test_words_and_times_must_go_together(tokenizer):
    with pytest.raises(ValueError, match="one time per word"):
        tokenizer.pieces(["a", "b"], [1.0])
    with pytest.raises(ValueError, match="one time per word"):
        tokenizer.pieces([], [])


def test_padding_marks_what_is_real(tokenizer):
    ids, mask = pad_pieces([tokenizer.pieces(["abc"], [0.0]), tokenizer.pieces(["a"], [0.0])])
    assert ids.shape == mask.shape == (2, 5)
    assert mask.sum(axis=1).tolist() == [5, 3]
    assert (ids[~mask] == 0).all()


def test_an_absent_tokenizer_is_named(tmp_path):
    with pytest.raises(ModelError, match="cannot be read as a tokenizer"):
        PieceTokenizer(tmp_path)


def test_the_live_side_of_the_encoders_needs_no_torch():
    import subprocess

    code = (
        "import sys; import core.encoders.text_tokens, core.encoders.log_mel, core.encoders.crop_scaling, "
        "core.encoders.whisper_weights; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
