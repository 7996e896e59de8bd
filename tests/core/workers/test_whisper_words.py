from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.workers.whisper_words import Piece, words_of_pieces


def piece(text, t0=0.0, t1=0.0, probability=0.9):
    return Piece(text, t0, t1, probability)


def test_pieces_without_a_space_belong_to_the_word_before():
    pieces = (piece(" well", 0, 0.3), piece("-known", 0.3, 0.6, 0.7), piece(" man", 0.6, 1), piece("!", 1, 2))
    words = words_of_pieces(pieces, "well-known man!", 2.5, spaced=True)
    assert [(w.text, w.t0_s, w.t1_s) for w in words] == [("well-known", 0, 0.6), ("man!", 0.6, 1)]
    assert words[0].probability == 0.8
    assert words[1].probability == 0.9, "punctuation says nothing about how sure the word is"


def test_an_opening_quote_goes_with_the_word_after_it():
    pieces = (piece(' "', 0, 0.5, 0.2), piece("Go", 0.5, 0.7), piece('"', 0.7, 1))
    (word,) = words_of_pieces(pieces, '"Go"', 1, spaced=True)
    assert (word.text, word.t0_s, word.t1_s, word.probability) == ('"Go"', 0.5, 0.7, 0.9)


def test_languages_without_spaces_keep_their_units_apart():
    pieces = (piece("你", 0, 0.2), piece("好", 0.2, 0.4), piece("。", 0.4, 1))
    assert [w.text for w in words_of_pieces(pieces, "你好。", 1, spaced=False)] == ["你", "好。"]


def test_without_an_alignment_words_get_their_share_of_the_time():
    words = words_of_pieces((), "a bbb", 2.0, spaced=True)
    assert [(w.text, w.t0_s, w.t1_s) for w in words] == [("a", 0, 0.5), ("bbb", 0.5, 2.0)]
    flat = (piece(" a", 1, 1), piece(" bbb", 1, 1))
    assert words_of_pieces(flat, "a bbb", 2.0, spaced=True) == words


times = st.floats(0, 20)


@given(st.lists(st.tuples(st.sampled_from([" a", "b", "!", " ?", " cd"]), times, times), max_size=12), times)
def test_whatever_is_aligned_words_lie_in_the_audio_in_order_and_no_text_is_lost(found, speech_s):
    pieces = tuple(piece(*each) for each in found)
    text = "".join(p.text for p in pieces).strip()
    words = words_of_pieces(pieces, text, speech_s, spaced=True)
    assert " ".join(w.text for w in words) == text
    assert all(0 <= w.t0_s <= w.t1_s <= speech_s for w in words)
    assert all(a.t1_s <= b.t0_s for a, b in pairwise(words))
