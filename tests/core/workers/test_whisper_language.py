import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workers.whisper_language import LanguageState, among, choose_language, parse_languages

KNOWN = frozenset({"en", "de", "cy"})


def choose(probabilities, settled=None, *, speech_s=3.0, final=True, known=KNOWN):
    choice = choose_language(
        probabilities, LanguageState(settled), speech_s=speech_s, final=final, known=known
    )
    return choice.language, choice.state.settled


def test_the_first_long_and_clear_final_utterance_settles_the_language():
    assert choose({"de": 0.8, "en": 0.1}) == ("de", "de")


def test_a_partial_one_is_decoded_in_its_language_but_settles_nothing():
    assert choose({"de": 0.8}, final=False) == ("de", None)


def test_a_short_start_is_believed_only_when_it_is_very_clear():
    assert choose({"cy": 0.6, "en": 0.3}, speech_s=0.8) == ("en", None)
    assert choose({"de": 0.95}, speech_s=0.8) == ("de", None)


def test_an_unclear_start_is_taken_for_english():
    assert choose({"cy": 0.3, "en": 0.25}) == ("en", None)
    assert choose({}) == ("en", None)


def test_a_settled_language_stays_when_another_is_likely_or_the_utterance_is_short():
    assert choose({"de": 0.8}, "en") == ("en", "en")
    assert choose({"de": 0.99}, "en", speech_s=1.0) == ("en", "en")


def test_a_settled_language_gives_way_to_one_that_is_heard_very_clearly():
    assert choose({"de": 0.97}, "en") == ("de", "de")
    assert choose({"de": 0.97}, "en", final=False) == ("de", "en")


def test_a_language_that_the_network_cannot_write_is_no_candidate():
    assert choose({"xx": 0.7, "de": 0.2}, known=KNOWN) == ("en", None)
    assert choose({"xx": 0.35, "de": 0.6}) == ("de", "de")


# --- allowed languages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "languages"),
    [(None, ()), ("auto", ()), ("en", ("en",)), ("en,de", ("en", "de")), (" EN , de,en", ("en", "de"))],
)
def test_languages_are_written_with_commas(text, languages):
    assert parse_languages(text) == languages


@pytest.mark.parametrize("text", ["", "english", "en,", "en;de", "e", "en,auto"])
def test_what_is_no_code_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="en,de"):
        parse_languages(text)


codes = st.sampled_from(["en", "de", "ko", "cy", "es"])
probabilities = st.dictionaries(codes, st.floats(0, 1))


@given(
    orders=st.lists(st.tuples(probabilities, st.floats(0.1, 20), st.booleans()), max_size=6),
    allowed=st.frozensets(codes, min_size=1),
)
def test_a_language_outside_the_list_is_never_chosen_whatever_is_heard(orders, allowed):
    state = LanguageState()
    for heard, speech_s, final in orders:
        usable = among(heard, allowed)
        choice = choose_language(usable, state, speech_s=speech_s, final=final, known=allowed)
        state = choice.state
        assert choice.language in allowed
        assert state.settled in {None, *allowed}
        assert 0.0 <= choice.certainty <= 1.0


def test_given_that_one_of_them_is_spoken_a_short_word_is_not_korean():
    usable = among({"ko": 0.7, "en": 0.2, "de": 0.01}, ("en", "de"))
    choice = choose_language(usable, LanguageState(), speech_s=0.7, final=True, known=("en", "de"))
    assert choice.language == "en"
    assert choice.certainty > 0.9


def certainty(heard, settled, speech_s):
    return choose_language(
        heard, LanguageState(settled), speech_s=speech_s, final=True, known=KNOWN
    ).certainty


def test_a_language_that_is_kept_against_a_short_doubtful_utterance_is_still_certain():
    assert certainty({"en": 0.3, "cy": 0.6}, "en", 0.6) > 0.9


def test_a_language_that_is_kept_although_another_is_heard_for_long_is_not():
    assert certainty({"en": 0.01, "de": 0.85}, "en", 4.0) < 0.5


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 10))
def test_the_more_of_the_settled_language_is_heard_the_more_certain_it_is(p, more, speech_s):
    low, high = sorted((p, more))
    assert certainty({"en": low, "de": 0.3}, "en", speech_s) <= certainty(
        {"en": high, "de": 0.3}, "en", speech_s
    )
