import logging
import re
import subprocess
import sys

import numpy as np
import pytest

from core.config import VoiceConfig
from core.encoders.silero import SileroVoice, VoiceState
from core.errors import ConfigError, ModelError, WeightsError
from core.inputs import AudioChunk
from core.stages.endpointing import Endpointer, TurnEnded
from core.stages.vad import Vad
from core.work import Transcribe
from core.workers import whisper
from core.workers.transcribe import Transcriber
from core.workers.whisper import Decoded, Encoded, Whisper
from core.workers.whisper_language import LanguageState
from core.workers.whisper_words import Piece

RATE = 16_000


# --- with a recogniser that says what it is told to ------------------------------------------------------


class Scripted:
    """Writes one text per context; remembers what it was asked."""

    languages = frozenset({"en", "de"})

    def __init__(self, texts, *, several_beams=None, language="en", log_probability=-0.2, sureness=0.9):
        self.texts = texts
        self.several_beams = several_beams
        self.heard = {language: 0.95}
        self.log_probability = log_probability
        self.sureness = sureness
        self.contexts = []
        self.decoded_in = []

    def encode(self, samples, context_s):
        self.contexts.append(context_s)
        return Encoded(context_s, len(samples) / RATE)

    def language_probabilities(self, encoded):
        return self.heard

    def decode(self, encoded, language, *, most_tokens, beams, hot_words=""):
        self.decoded_in.append(language)
        text = (
            self.texts[encoded.features] if beams == 1 else self.several_beams or self.texts[encoded.features]
        )
        return Decoded(text, (1,), self.log_probability, 0.05, complete=len(text.split()) < most_tokens)

    def align(self, encoded, decoded, language):
        words = decoded.text.split()
        each = encoded.speech_s / len(words)
        return tuple(Piece(w, i * each, (i + 1) * each, self.sureness) for i, w in enumerate(words))


class Told:
    """A voice network that hears a voice wherever the samples are not zero."""

    def initial_state(self):
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame, state):
        return float(np.abs(frame).max() > 0), state


def order(seconds, *, final=True, start=0, quiet_s=0.0):
    samples = np.full(int(seconds * RATE), 0.1, np.float32)
    samples[: int(quiet_s * RATE)] = 0
    return Transcribe("u1", start, samples, final)


LOOP = "No, I didn't. " * 40
GOOD = {10: "hello there", 15: "hello there", 20: "hello there", 30: "hello there"}


def texts(hypothesis):
    return [word.text for word in hypothesis.words]


@pytest.mark.parametrize(
    ("seconds", "final", "context_s"),
    [
        (2, False, 10),
        (8, False, 10),
        (9, False, 15),
        (2, True, 10),
        (6, True, 15),
        (12, True, 20),
        (25, True, 30),
    ],
)
def test_the_context_is_one_of_a_few_and_never_tight_around_the_speech(seconds, final, context_s):
    recogniser = Scripted(GOOD)
    Transcriber(recogniser).run(order(seconds, final=final))
    assert recogniser.contexts == [context_s]


def test_a_final_result_that_cannot_be_believed_is_tried_again_with_the_full_context():
    recogniser = Scripted({10: LOOP, 30: "No, I didn't."})
    hypothesis = Transcriber(recogniser).run(order(5))
    assert recogniser.contexts == [10, 30]
    assert texts(hypothesis) == ["No,", "I", "didn't."]


SENTENCE = dict.fromkeys(GOOD, "it stands for the bank and the value of its notes")


@pytest.mark.parametrize(
    ("written", "clarity", "sureness", "believed"),
    [
        (GOOD, 0.5, 0.9, False),
        (GOOD, 0.83, 0.9, False),
        (GOOD, 0.95, 0.9, True),
        (SENTENCE, 0.83, 0.8, True),
        (SENTENCE, 0.66, 0.8, True),
        (SENTENCE, 0.5, 0.8, False),
        (SENTENCE, 0.83, 0.6, False),
        (dict.fromkeys(GOOD, "la la la le le la la"), 0.7, 0.9, False),
    ],
)
def test_unsure_words_are_believed_in_a_clear_language_or_when_they_are_fluent(
    written, clarity, sureness, believed
):
    recogniser = Scripted(written, log_probability=-0.8, sureness=sureness)
    recogniser.heard = {"en": clarity}
    assert bool(texts(Transcriber(recogniser).run(order(5)))) is believed


def test_words_in_a_language_that_was_given_are_never_doubted_for_it():
    recogniser = Scripted(GOOD, log_probability=-0.8)
    recogniser.heard = {"en": 0.05, "de": 0.2}
    assert texts(Transcriber(recogniser, language="en").run(order(5))) == ["hello", "there"]


def test_words_in_one_of_several_languages_that_were_given_are_doubted_only_when_none_of_them_is_heard():
    recogniser = Scripted(GOOD, log_probability=-0.8)
    recogniser.heard = {"en": 0.5, "de": 0.45}
    assert texts(Transcriber(recogniser, language="en,de").run(order(5))) == ["hello", "there"]
    recogniser.heard = {"ja": 0.5, "en": 0.1, "de": 0.1}
    assert texts(Transcriber(recogniser, language="en,de").run(order(5))) == []


def test_of_several_languages_that_were_given_a_third_is_never_written():
    recogniser = Scripted(GOOD, language="ko")
    hypothesis = Transcriber(recogniser, language="en,de").run(order(0.6))
    assert hypothesis.language in {"en", "de"}
    assert set(recogniser.decoded_in) <= {"en", "de"}


def test_the_certainty_of_a_language_is_told_where_it_was_not_given():
    assert Transcriber(Scripted(GOOD)).run(order(4)).language_probability == 0.95
    assert Transcriber(Scripted(GOOD), language="en").run(order(4)).language_probability is None


@pytest.mark.parametrize(
    ("recogniser", "reason"),
    [
        (Scripted(GOOD, log_probability=-1.5), "the words are guesses"),
        (Scripted({10: "...", 30: "..."}), "nothing was said"),
        (Scripted(GOOD, log_probability=-0.8, language="de"), ""),
    ],
)
def test_where_there_are_no_words_there_is_a_reason_and_else_none(recogniser, reason):
    for final in (True, False):
        hypothesis = Transcriber(recogniser).run(order(5, final=final))
        assert hypothesis.rejected == reason
        assert bool(hypothesis.words) == (reason == "")


def test_a_final_result_that_repeats_itself_is_decoded_greedily_before_it_is_encoded_again():
    recogniser = Scripted(GOOD, several_beams=LOOP)
    assert texts(Transcriber(recogniser).run(order(5))) == ["hello", "there"]
    assert recogniser.contexts == [10]


def test_when_the_full_context_cannot_be_believed_either_there_are_no_words():
    hypothesis = Transcriber(Scripted({10: LOOP, 30: LOOP})).run(order(5))
    assert (hypothesis.words, hypothesis.language, hypothesis.final) == ((), "", True)


def test_a_partial_result_that_cannot_be_believed_is_not_tried_again():
    recogniser = Scripted({10: LOOP, 30: "hello"})
    assert Transcriber(recogniser).run(order(5, final=False)).words == ()
    assert recogniser.contexts == [10]


def test_words_are_in_stream_time_and_the_first_begins_with_the_voice():
    transcriber = Transcriber(Scripted(GOOD), voice=Told())
    first, second = transcriber.run(order(2, start=5 * RATE, quiet_s=0.512)).words
    assert (first.t0_s, first.t1_s) == (5.512, 6.0)
    assert (second.t0_s, second.t1_s) == (6.0, 7.0)


def test_without_a_voice_whisper_is_not_even_asked():
    recogniser = Scripted(GOOD)
    hypothesis = Transcriber(recogniser, voice=Told()).run(order(3, quiet_s=2.95))
    assert hypothesis.words == ()
    assert hypothesis.rejected == "nobody speaks in it"
    assert recogniser.contexts == []


def test_an_order_without_audio_has_no_words():
    assert Transcriber(Scripted(GOOD)).run(order(0)).words == ()


def test_more_than_whisper_can_hear_is_refused_with_the_remedy():
    with pytest.raises(ModelError, match="max_turn_s"):
        Transcriber(Scripted(GOOD)).run(order(30.5))


def test_the_language_is_settled_by_what_was_believed_only():
    noise = Scripted({10: "mm", 30: "mm"}, language="de", log_probability=-1.8)
    transcriber = Transcriber(noise)
    transcriber.run(order(4))
    assert transcriber.language == LanguageState(None)
    noise.log_probability = -0.2
    assert transcriber.run(order(4)).language == "de"
    assert transcriber.language == LanguageState("de")


def test_a_short_utterance_is_decoded_in_the_language_of_the_run():
    recogniser = Scripted(GOOD, language="de")
    transcriber = Transcriber(recogniser)
    transcriber.run(order(4))
    recogniser.heard = {"en": 0.97}
    assert transcriber.run(order(0.6)).language == "de"


def test_a_named_language_is_not_detected():
    recogniser = Scripted(GOOD, language="de")
    assert Transcriber(recogniser, language="en").run(order(4)).language == "en"


def test_a_language_that_the_network_does_not_know_is_a_configuration_error():
    with pytest.raises(ConfigError, match="klingon"):
        Transcriber(Scripted(GOOD), language="klingon")


def test_no_word_reaches_the_log(caplog):
    caplog.set_level(logging.DEBUG, logger="core")  # a run with --debug may have set it
    Transcriber(Scripted({10: LOOP, 30: "secret"})).run(order(5))
    Transcriber(Scripted({10: LOOP, 30: LOOP})).run(order(5))
    assert "repeats" in caplog.text or "words do not fit" in caplog.text or "end" in caplog.text
    assert "didn't" not in caplog.text
    assert "secret" not in caplog.text


# --- loading ------------------------------------------------------------------------------------------


def test_an_incomplete_folder_is_an_error_and_no_reason_to_ask_a_hub(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"config\.json"):
        Whisper(tmp_path)


def test_files_that_are_no_network_are_a_model_error(tmp_path):
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match="Whisper"):
        Whisper(tmp_path, device="cpu")


def test_without_a_usable_gpu_auto_takes_the_cpu_and_cuda_says_why(monkeypatch, weights):
    def broken(folder):
        raise RuntimeError("Library libcublas.so.12 is not found")

    monkeypatch.setattr(whisper, "_on_cuda", broken)
    Whisper(weights("whisper-base"), device="auto", cpu_threads=1)
    with pytest.raises(ModelError, match="libcublas"):
        Whisper(weights("whisper-base"), device="cuda")


def test_importing_the_worker_loads_no_network_library():
    code = (
        "import sys, core.workers.transcribe\n"
        "print([m for m in ('torch', 'faster_whisper', 'ctranslate2', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- with the real one --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def voice(weights):
    return SileroVoice(weights("silero-vad") / "silero_vad_16k_op15.onnx")


@pytest.fixture(scope="module")
def base(weights):
    return Whisper(weights("whisper-base"), device="cpu", cpu_threads=2)


@pytest.fixture
def transcriber(base, voice):
    return Transcriber(base, voice=voice)


def read(path):
    """Audio of a clip, (n,) float32 mono 16 kHz."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
        parts += resampler.resample(None)
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)


def turns_of(samples, voice):
    frames = Vad(voice).push(AudioChunk("audio", 0, samples))
    turns = Endpointer(VoiceConfig())
    events = [e for frame in frames for e in turns.push(frame.start_sample, frame.probability)]
    return [e for e in events + turns.flush(len(samples)) if isinstance(e, TurnEnded)]


def plain(hypothesis):
    return re.sub(r"[^a-z' ]", "", " ".join(texts(hypothesis)).lower().replace("’", "'"))


def test_real_speech_is_recognised_in_stream_time(transcriber, voice, demo_clips):
    found = []
    for clip in sorted(demo_clips.glob("*.flv")):
        samples = read(clip)
        (turn,) = turns_of(samples, voice)
        cut = samples[turn.start_sample : turn.end_sample]
        hypothesis = transcriber.run(Transcribe("u1", turn.start_sample + 10 * RATE, cut, True))
        found.append(plain(hypothesis))
        times = [t for word in hypothesis.words for t in (word.t0_s, word.t1_s)]
        assert times == sorted(times)
        assert times[0] >= 10 + turn.start_sample / RATE
        assert times[-1] <= 10 + turn.end_sample / RATE + 0.001
    assert sum("don't forget a jacket" in text for text in found) >= 4, found


def test_the_same_order_gives_the_same_answer(transcriber, demo_clips):
    samples = read(next(iter(sorted(demo_clips.glob("*NEU*.flv")))))
    for final in (False, True):
        transcriber.language = LanguageState()
        first = transcriber.run(Transcribe("u1", 0, samples, final))
        assert first.words
        transcriber.language = LanguageState()
        assert transcriber.run(Transcribe("u1", 0, samples, final)) == first


def colored(count, slope, seed):
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 1)
    sound = np.fft.irfft(spectrum / frequencies**slope, count)
    return (0.05 * sound / sound.std()).astype(np.float32)


def chords(count):
    t = np.arange(count) / RATE
    out = np.zeros(count)
    for i, base_hz in enumerate((261.6, 220.0, 174.6, 196.0)):
        playing = (np.floor(t) % 4 == i) * np.exp(-2 * (t % 1))
        for interval in (1, 1.26, 1.5):
            for overtone in (1, 2, 3):
                out += 0.08 * playing * np.sin(2 * np.pi * base_hz * interval * overtone * t) / overtone
    return out.astype(np.float32)


SOUNDS = {
    "silence": lambda n: np.zeros(n, np.float32),
    "white noise": lambda n: colored(n, 0.0, 1),
    "pink noise": lambda n: colored(n, 0.5, 2),
    "chords": chords,
}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize(("seconds", "final"), [(0.5, False), (6, True)])
def test_nothing_is_invented_where_nobody_speaks(base, sound, seconds, final):
    """Without the voice check, so that the guard alone has to find out."""
    samples = SOUNDS[sound](int(seconds * RATE))
    assert Transcriber(base).run(Transcribe("u1", 0, samples, final)).words == ()
