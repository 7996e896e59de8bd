import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.stages.transcript import TranscriptAssembler, join_words, same_word
from core.work import Hypothesis, Word


def words(text, start=0.0, each=0.3):
    return tuple(
        Word(w, round(start + i * each, 3), round(start + (i + 1) * each, 3), 0.9)
        for i, w in enumerate(text.split())
    )


def hypothesis(text, *, final=False, utterance="u1", language="en", start=0.0):
    found = words(text, start)
    return Hypothesis(utterance, found, language if found else "", final)


def texts(delta):
    return [w.text for w in delta.words]


def play(*hypotheses):
    transcripts = TranscriptAssembler()
    return [transcripts.push(h) for h in hypotheses]


def test_nothing_is_committed_before_two_hypotheses_agree():
    first, second = play(hypothesis("don't forget"), hypothesis("don't forget a jack"))
    assert (texts(first), first.pending) == ([], "don't forget")
    assert (texts(second), second.pending) == (["don't", "forget"], "a jack")


def test_case_and_punctuation_do_not_hinder_agreement():
    _, second = play(hypothesis("Don't forget."), hypothesis("don’t, forget a jacket"))
    assert texts(second) == ["don’t,", "forget"]


def test_the_final_hypothesis_commits_the_rest():
    last = play(hypothesis("a b"), hypothesis("a b c"), hypothesis("A b, c d.", final=True))[-1]
    assert texts(last) == ["a", "b", "c", "d."]
    assert (last.pending, last.final) == ("", True)


def test_a_final_hypothesis_alone_is_enough():
    (only,) = play(hypothesis("Kids are talking.", final=True))
    assert texts(only) == ["Kids", "are", "talking."]
    assert only.changed


def test_a_final_hypothesis_that_disagrees_keeps_what_was_committed_and_loses_nothing_after_it():
    last = play(
        hypothesis("do not for"),
        hypothesis("do not forget it"),
        hypothesis("Don't forget a jacket.", final=True),
    )[-1]
    # "do not" was heard up to 0.6 s, where "Don't forget" ends.
    assert texts(last) == ["do", "not", "a", "jacket."]


def test_a_word_that_changed_before_the_seam_is_not_said_twice():
    last = play(
        hypothesis("the cat sat on"),
        hypothesis("the cat sat on the"),
        hypothesis("the bat sat on the mat", final=True),
    )[-1]
    assert texts(last) == ["the", "cat", "sat", "on", "the", "mat"]


def test_a_word_that_is_missing_before_the_seam_costs_no_word_after_it():
    committed = [hypothesis("well you see that"), hypothesis("well you see that is")]
    final = Hypothesis("u1", words("you see that is it", start=0.3), "en", True)
    assert texts(play(*committed, final)[-1]) == ["well", "you", "see", "that", "is", "it"]


def test_a_word_that_is_said_again_and_again_is_counted():
    last = play(
        hypothesis("no no no"), hypothesis("no no no no"), hypothesis("no no no no no no", final=True)
    )[-1]
    assert texts(last) == ["no"] * 6


def test_a_final_hypothesis_without_words_keeps_what_was_committed():
    last = play(hypothesis("hello there"), hypothesis("hello there you"), hypothesis("", final=True))[-1]
    assert (texts(last), last.pending, last.language, last.final) == (["hello", "there"], "", "en", True)


def test_no_words_at_all_is_a_result():
    first, last = play(hypothesis(""), hypothesis("", final=True))
    assert (first.words, first.pending, first.language, first.changed) == ((), "", "", False)
    assert (last.words, last.language, last.final, last.changed) == ((), "", True, True)


def test_words_that_were_pending_and_are_gone_leave_no_language_behind():
    _, second = play(hypothesis("you"), hypothesis(""))
    assert (second.pending, second.language, second.changed) == ("", "", True)


def test_a_hypothesis_that_comes_after_the_final_one_is_ignored():
    *_, final, late = play(hypothesis("a b", final=True), hypothesis("x y z"))
    assert texts(late) == texts(final) == ["a", "b"]
    assert late.final
    assert not late.changed


def test_when_recognition_fails_the_newest_hypothesis_becomes_final():
    transcripts = TranscriptAssembler()
    transcripts.push(hypothesis("a b"))
    transcripts.push(hypothesis("a b c"))
    last = transcripts.finish("u1")
    assert (texts(last), last.pending, last.final) == (["a", "b", "c"], "", True)


def test_finishing_an_utterance_of_which_nothing_was_heard_gives_no_words():
    last = TranscriptAssembler().finish("u7")
    assert (last.utterance, last.words, last.language, last.final) == ("u7", (), "", True)


def test_utterances_do_not_meddle_with_each_other():
    transcripts = TranscriptAssembler()
    transcripts.push(hypothesis("a b", utterance="u1"))
    second = transcripts.push(hypothesis("a b", utterance="u2"))
    assert second.words == ()
    transcripts.forget("u1")
    assert list(transcripts.state) == ["u2"]


def test_languages_without_spaces_are_joined_without_them():
    chinese = (Word("你", 0, 1, 1), Word("好", 1, 2, 1))
    assert join_words(chinese, "zh") == "你好"
    assert join_words(words("a b"), "en") == "a b"


@pytest.mark.parametrize(
    ("one", "other"), [("Jacket!", "jacket"), ("ＡＢＣ", "abc"), ("it's", "it’s"), ("«été»", "Été,")]
)
def test_spellings_of_one_word_are_the_same_word(one, other):
    assert same_word(one) == same_word(other)


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("की", "का"), ("!", "?")])
def test_different_words_are_not_the_same_word(one, other):
    assert same_word(one) != same_word(other)


# --- whatever is recognised ----------------------------------------------------------------------------

spoken = st.lists(st.sampled_from(["a", "b", "B,", "c", "no", "No!", "yes."]), max_size=8).map(" ".join)
streams = st.tuples(st.lists(spoken, max_size=6), spoken)


@settings(max_examples=200)
@given(streams, st.floats(0, 5))
def test_the_text_only_ever_grows_and_the_final_one_is_settled(stream, start):
    partials, final = stream
    deltas = play(*[hypothesis(t, start=start) for t in partials], hypothesis(final, final=True, start=start))
    for before, after in itertools.pairwise(deltas):
        assert after.words[: len(before.words)] == before.words
    last = deltas[-1]
    assert last.final
    assert last.pending == ""
    assert [d.final for d in deltas[:-1]] == [False] * len(partials)
    times = [t for w in last.words for t in (w.t0_s, w.t1_s)]
    assert times == sorted(times)


@settings(max_examples=200)
@given(spoken, st.lists(st.integers(0, 8), max_size=6).map(sorted))
def test_a_recogniser_that_never_changes_its_mind_is_quoted_exactly(text, lengths):
    said = text.split()
    partials = [hypothesis(" ".join(said[:n])) for n in lengths]
    last = play(*partials, hypothesis(text, final=True))[-1]
    assert texts(last) == said
    assert last.words == words(text)


@settings(max_examples=100)
@given(streams, st.data())
def test_a_snapshot_goes_on_as_if_nothing_had_happened(stream, data):
    partials, final = stream
    hypotheses = [*[hypothesis(t) for t in partials], hypothesis(final, final=True)]
    middle = data.draw(st.integers(0, len(hypotheses)))
    first = TranscriptAssembler()
    early = [first.push(h) for h in hypotheses[:middle]]
    second = TranscriptAssembler(first.state)
    first.finish("u1")
    assert early + [second.push(h) for h in hypotheses[middle:]] == play(*hypotheses)


@given(streams)
def test_changed_says_whether_anything_is_different(stream):
    partials, final = stream
    deltas = play(*[hypothesis(t) for t in partials], hypothesis(final, final=True))

    def shown(delta):
        return (delta.words, delta.language, delta.final, delta.pending)

    for before, after in itertools.pairwise(deltas):
        if shown(before) != shown(after):
            assert after.changed


def test_a_word_is_not_committed_before_its_utterance_reaches_it_for_certain() -> None:
    transcripts = TranscriptAssembler()
    heard = (Word("one", 0.0, 0.4, 0.9), Word("two", 0.5, 0.9, 0.9), Word("three", 1.0, 1.4, 0.9))
    for until_s, committed in (
        (1.0, []),
        (1.0, ["one", "two"]),
        (1.39, ["one", "two"]),
        (1.4, ["one", "two", "three"]),
    ):
        update = transcripts.push(Hypothesis("u1", heard, "en", final=False), until_s)
        assert [word.text for word in update.words] == committed
    assert update.pending == ""


def test_what_stays_pending_is_settled_by_the_final_hypothesis_which_hears_the_utterance_alone() -> None:
    transcripts = TranscriptAssembler()
    heard = (Word("one", 0.0, 0.4, 0.9), Word("two", 0.5, 0.9, 0.9))
    for _ in range(2):
        update = transcripts.push(Hypothesis("u1", heard, "en", final=False), 0.45)
    assert ([word.text for word in update.words], update.pending) == (["one"], "two")
    update = transcripts.push(Hypothesis("u1", heard[:1], "en", final=True), 0.45)
    assert ([word.text for word in update.words], update.pending) == (["one"], "")


def test_without_a_final_hypothesis_pending_words_end_with_the_utterance() -> None:
    transcripts = TranscriptAssembler()
    heard = (Word("one", 0.0, 0.4, 0.9), Word("two", 0.5, 0.9, 0.9), Word("three", 1.0, 1.4, 0.9))
    transcripts.push(Hypothesis("u1", heard, "en", final=False), 0.0)
    update = transcripts.finish("u1", 0.7)
    assert [(word.text, word.t1_s) for word in update.words] == [("one", 0.4), ("two", 0.7)]
