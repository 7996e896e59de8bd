import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workers.whisper import Decoded
from core.workers.whisper_guard import babble, is_unsure, objection


def decoded(text, *, log_probability=-0.2, no_speech=0.05, complete=True):
    return Decoded(text, (1, 2, 3), log_probability, no_speech, complete)


@pytest.mark.parametrize(
    ("text", "speech_s"),
    [
        ("Kids are talking by the door.", 1.4),
        ("Yes.", 0.4),
        ("No, no, no, no!", 1.2),
        ("No, I did not. No, I didn't. No, I didn't. No, I didn't.", 5.0),
        ("Donaudampfschifffahrtsgesellschaft, bitte!", 2.0),
        ("本当にありがとうございました", 2.5),
        ("Ha-ha-ha!", 1.0),
        ("Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.", 3.0),
    ],
)
def test_clear_speech_is_believed(text, speech_s):
    assert objection(decoded(text), speech_s) is None


@pytest.mark.parametrize(
    ("wrong", "speech_s", "reason"),
    [
        (decoded(""), 2.0, "nothing"),
        (decoded("..."), 2.0, "nothing"),
        (decoded("and so on and on", complete=False), 5.0, "end"),
        (decoded("I'm going to go to the beach.", log_probability=-1.7, no_speech=0.87), 8.0, "guesses"),
        (decoded("you", log_probability=-0.49, no_speech=0.93), 3.0, "hardly speech"),
        (decoded("one two three four five six seven eight", log_probability=-0.3), 0.5, "too many words"),
        (decoded("No, I didn't. " * 30, log_probability=-0.1), 11.0, "words"),
        (decoded("Do-do-do-do-do-do-do-do", log_probability=-0.5), 7.0, "repeats"),
        (decoded("I-I-I-I-I-I-I-I", log_probability=-0.5), 3.0, "repeats"),
        (decoded("ドライエイエイエイエイエイ", log_probability=-0.5), 6.0, "repeats"),
        (decoded("get a chance to " * 8, log_probability=-0.16), 12.0, "repeats"),
    ],
)
def test_what_is_invented_gives_itself_away(wrong, speech_s, reason):
    assert reason in objection(wrong, speech_s).reason


HOT = "Zoltan Kodaly, Bela Bartok, the Mikrokosmos"


@pytest.mark.parametrize(
    ("text", "believed"),
    [
        ("Zoltan Kodaly, Bela Bartok, the Mikrokosmos.", False),
        ("Kodaly, Bela Bartok, the", False),
        ("Bela Bartok.", True),
        ("I like Bela Bartok, the Mikrokosmos!", True),
        ("Bartok, Bela", True),
    ],
)
def test_who_only_repeats_the_expected_words_has_heard_nothing(text, believed):
    found = objection(decoded(text), 4.0, HOT)
    assert (found is None) == believed
    assert objection(decoded(text), 4.0) is None


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=6),
    st.integers(6, 12),
    st.floats(1, 25),
)
def test_a_phrase_said_more_than_five_times_in_a_row_is_never_believed(phrase, times, speech_s):
    assert objection(decoded(" ".join(phrase * times)), speech_s) is not None


@given(st.text(max_size=40), st.floats(0, 30))
def test_a_reason_never_tells_what_was_said(text, speech_s):
    marked = f"zq{text}zq"
    assert "zq" not in objection(decoded(marked, log_probability=-3), speech_s).reason


def test_only_a_decoder_that_goes_round_in_circles_is_worth_another_try():
    assert objection(decoded("get a chance to " * 8), 12.0).loop
    assert not objection(decoded("the beach", log_probability=-1.7), 3.0).loop


@pytest.mark.parametrize(
    ("text", "log_probability", "speech_s", "unsure"),
    [
        ("Kids are talking by the door.", -0.4, 2.5, False),
        ("Hey, don't be like that. Hey, don't be like that.", -0.59, 9.0, True),
        ("Yes.", -0.6, 0.5, False),
        ("We.", -0.8, 0.5, True),
        ("A-E-A-U-A-E-O-N-E-A!", -0.4, 5.6, True),
        ("It is spelled A-E-U.", -0.4, 3.0, False),
        ("エイトリアルが エイトリアルが エイトリアルが", -0.46, 9.0, True),
        ("エイトリアルがエイトリアルがエイトリアルが", -0.46, 9.0, True),
        ("エイトリアルがエイトリアルが", -0.46, 9.0, False),
    ],
)
def test_improbable_chanted_and_spelled_texts_have_to_be_in_a_clear_language(
    text, log_probability, speech_s, unsure
):
    assert is_unsure(decoded(text, log_probability=log_probability), speech_s) == unsure


def test_what_is_in_no_clear_language_or_in_another_than_is_heard_is_babble():
    assert "no clear language" in babble(0.46).reason
    assert babble(0.97) is None
    assert babble(0.05) is not None
    assert babble(1.0) is None


def test_reasons_say_nothing_of_figures_so_that_equal_ones_can_be_counted():
    faults = [
        babble(0.46),
        objection(decoded("you", log_probability=-1.7), 3.0),
        objection(decoded("you", log_probability=-0.49, no_speech=0.93), 3.0),
        objection(decoded("one two three four five six seven eight"), 0.5),
    ]
    for fault in faults:
        assert not any(c.isdigit() for c in fault.reason)
        assert str(fault).startswith(fault.reason)
        assert any(c.isdigit() for c in str(fault))
