from core.workers.whisper_language import LanguageState, choose_language

KNOWN = frozenset({"en", "de", "cy"})


def choose(probabilities, settled=None, *, speech_s=3.0, final=True, known=KNOWN):
    language, state = choose_language(
        probabilities, LanguageState(settled), speech_s=speech_s, final=final, known=known
    )
    return language, state.settled


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
