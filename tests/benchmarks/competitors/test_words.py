"""When the words of an utterance stand for good, and how many are wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.competitors.words import RecognisedWords, ends_in, plain_words, settled_at, word_error

SAID = [["a", "cold", "night"], ["come", "in"], ["sit", "down"]]
STARTS_S = [1.0, 5.0, 9.0]


def told(*texts):
    return [(at_s, tuple(text.split())) for at_s, text in texts]


def test_words_lose_case_and_punctuation_and_nothing_else():
    assert plain_words("Don't forget -- a JACKET!") == plain_words("don't forget a jacket")


def test_an_utterance_stands_when_its_last_word_does():
    words = told(
        (2.0, "a"),
        (2.5, "a cold night"),
        (6.1, "a cold night come in"),
        (10.2, "a cold night come in sit down"),
    )
    ends = ends_in(words, SAID, STARTS_S)
    assert ends == [3, 5, 7]
    assert settled_at(words, ends, SAID) == [2.5, 6.1, 10.2]


def test_words_that_are_settled_only_when_the_next_utterance_comes_are_late():
    words = told((2.0, "a cold"), (6.0, "a cold night come"), (11.0, "a cold night come in sit down"))
    assert settled_at(words, ends_in(words, SAID, STARTS_S), SAID) == [6.0, 11.0, 11.0]


def test_a_rewritten_word_stands_when_it_was_written_last():
    words = told((2.0, "a cold knight"), (3.0, "a cold night"), (6.0, "a cold night come in"))
    assert settled_at(words, ends_in(words, SAID, STARTS_S), SAID) == [3.0, 6.0, None]


def test_a_missed_utterance_is_missed_even_where_all_say_the_same():
    same = [["sit", "down"]] * 3
    words = told((6.0, "sit down"), (10.0, "sit down sit down"))
    ends = ends_in(words, same, STARTS_S)
    assert settled_at(words, ends, same) == [None, 6.0, 10.0]


def test_an_utterance_whose_last_words_never_come_is_missed_and_not_early():
    words = told((1.5, "a"), (6.0, "a come in"))
    assert settled_at(words, ends_in(words, SAID, STARTS_S), SAID) == [None, 6.0, None]


def test_wrong_and_added_words_belong_to_the_utterance_in_which_they_came():
    words = told((2.0, "the cold night air"), (6.0, "the cold night air come in"))
    ends = ends_in(words, SAID, STARTS_S)
    assert ends[:2] == [4, 6]
    assert settled_at(words, ends, SAID)[:2] == [2.0, 6.0]


def test_of_nothing_heard_every_utterance_is_missed():
    assert settled_at([], ends_in([], SAID, STARTS_S), SAID) == [None] * 3
    assert word_error((), SAID) == 1.0


def test_word_error_counts_what_is_to_be_changed_put_in_and_left_out():
    assert word_error(["a", "cold", "night", "come", "in", "sit", "down"], SAID) == 0.0
    assert word_error(["a", "cold", "light", "come", "sit", "right", "down"], SAID) == round(3 / 7, 4)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_ends_never_go_back_and_the_last_takes_everything(said, data):
    heard = data.draw(st.lists(st.sampled_from("abc"), max_size=10))
    at_s = data.draw(st.lists(st.floats(0, 50), min_size=len(heard), max_size=len(heard)).map(sorted))
    words = [(at, tuple(heard[: k + 1])) for k, at in enumerate(at_s)]
    ends = ends_in(words, said, [10.0 * k for k in range(len(said))])
    assert ends == sorted(ends)
    assert ends[-1] == len(heard)
    assert len(settled_at(words, ends, said)) == len(said)


def test_a_client_keeps_settled_and_shown_words_apart_and_notes_changes_alone():
    heard = RecognisedWords()
    heard.update(1.0, "", "Come")
    heard.update(2.0, "Come", "in.")
    heard.update(3.0, "Come in")
    assert heard.final == [(1.0, ()), (2.0, ("come",)), (3.0, ("come", "in"))]
    assert heard.shown == [(1.0, ("come",)), (2.0, ("come", "in"))]
