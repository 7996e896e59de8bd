"""No estimate rests on words in a language that the network of the words never met."""

import zlib
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.engine.engine import Engine
from core.events import EmotionEstimate, Transcript
from core.inputs import EndOfStream
from core.work import EncodeText, Hypothesis, Transcribe
from tests.core import fakes
from tests.core.conversations import AUDIO, CONFIG, conversations


def spec(*languages):
    known = fakes.spec()
    text = known.encoders["text"].model_copy(update={"languages": languages})
    return known.model_copy(update={"encoders": known.encoders | {"text": text}})


def spoken(order, choices):
    """A language and its certainty, drawn from the utterance and how much of it was heard."""
    return choices[zlib.crc32(f"{order.utterance} {len(order.samples)}".encode()) % len(choices)]


def hearing(choices):
    """Workers whose recogniser hears one of `choices`: (language, certainty)."""

    def compute(work):
        outcome = fakes.compute(work)
        if isinstance(work.payload, Transcribe) and outcome.words:
            language, certainty = spoken(work.payload, choices)
            return replace(outcome, language=language, language_probability=certainty)
        return outcome

    return compute


def play(inputs, streams, compute, *, languages=("en",), rng=None):
    player = fakes.Player(
        Engine(CONFIG, spec(*languages), fakes.ScriptedVoice(), streams), rng=rng, compute=compute
    )
    for item in inputs:
        player.push(item)
        while player.pending:
            player.deliver()
    return player


def one_utterance(compute, **options):
    samples = fakes.voice(3.0, [(0.5, 2.0)])
    inputs = [*fakes.chunks(samples, "audio", 0), EndOfStream("audio", 3.0)]
    return play(inputs, (AUDIO,), compute, **options)


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


certainties = st.none() | st.floats(0, 1)
heard = st.lists(
    st.tuples(st.sampled_from(["en", "de", "es", "ko", "xx"]), certainties), min_size=1, max_size=5
)


@given(
    conversation=conversations(), choices=heard, languages=st.sampled_from([("en",), ("en", "de"), ("ko",)])
)
def test_words_in_an_unknown_language_are_never_encoded_and_no_estimate_rests_on_them(
    conversation, choices, languages
):
    player = play(conversation.inputs, conversation.streams, hearing(choices), languages=languages)
    language, certainty = {}, {}
    for event in player.events:
        if isinstance(event, Transcript):
            language[event.utterance] = event.language
            certainty[event.utterance] = event.language_probability
        elif isinstance(event, EmotionEstimate) and event.final and "text" in event.modalities:
            assert language[event.utterance] in languages
            sure = certainty[event.utterance]
            assert sure is None or sure >= 0.5
    if not {code for code, _ in choices} & set(languages):
        assert not [work for work in player.orders if isinstance(work.payload, EncodeText)]
        assert all("text" not in estimate.modalities for estimate in of(player.events, EmotionEstimate))


def test_the_estimate_says_which_language_it_was_and_which_the_network_knows():
    player = one_utterance(hearing([("es", 0.97)]))
    final = of(player.events, EmotionEstimate)[-1]
    assert final.missing["text"] == "language es: the words' network knows en"
    assert "text" not in final.modalities
    transcript = of(player.events, Transcript)[-1]
    assert (transcript.language, transcript.language_probability) == ("es", 0.97)
    assert transcript.words


def test_words_whose_language_is_unclear_may_be_in_any():
    final = of(one_utterance(hearing([("en", 0.3)])).events, EmotionEstimate)[-1]
    assert final.missing["text"] == "language unclear: the words' network knows en"


def test_words_in_a_language_that_was_given_or_is_known_are_used():
    for choice in (("en", None), ("en", 0.9)):
        assert "text" in of(one_utterance(hearing([choice])).events, EmotionEstimate)[-1].modalities
    german = one_utterance(hearing([("de", 0.9)]), languages=("de", "en"))
    assert "text" in of(german.events, EmotionEstimate)[-1].modalities


def test_rejected_words_have_a_reason_in_the_transcript_and_the_estimate():
    def compute(work):
        if isinstance(work.payload, Transcribe):
            order = work.payload
            return Hypothesis(order.utterance, (), "", order.final, rejected="the words are guesses")
        return fakes.compute(work)

    player = one_utterance(compute)
    transcript, final = of(player.events, Transcript)[-1], of(player.events, EmotionEstimate)[-1]
    assert (transcript.text, transcript.final, transcript.rejected) == ("", True, "the words are guesses")
    assert final.missing["text"] == "no words: the words are guesses"


@given(seed=st.integers(0, 50))
def test_a_language_that_changes_between_hypotheses_leaves_no_tokens_of_the_other(seed):
    rng = np.random.default_rng(seed)
    choices = [("en", 0.9), ("es", 0.9)]
    player = one_utterance(hearing([choices[i] for i in rng.integers(0, 2, 4)]))
    transcript, final = of(player.events, Transcript)[-1], of(player.events, EmotionEstimate)[-1]
    assert ("text" in final.modalities) == (transcript.language == "en")
