import gc
import weakref
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import SourceError
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, Samples, SourceInput, VideoFrame
from core.media.container import probe
from core.media.recording import RecordingSource
from core.media.source import available_s
from tests.core.media.files import (
    CODECS,
    beep_at,
    corners,
    encoded_audio,
    encoded_video,
    flash_at,
    make,
    moving_bar,
    set_display_matrix,
    tone,
    wav_bytes,
)


def read(path: Path, **options: object) -> tuple[list[SourceInput], list[str]]:
    with RecordingSource(path, **options) as source:  # type: ignore[arg-type]
        return list(source.inputs()), source.faults


def heard(inputs: Iterable[SourceInput]) -> Samples:
    """Everything on the audio timeline, silence where a gap was announced; fails where it jumps."""
    pieces = []
    at = 0
    for item in inputs:
        if isinstance(item, AudioChunk):
            assert item.start_sample == at
            assert item.samples.dtype == np.float32
            assert np.abs(item.samples).max() <= 1.0
            pieces.append(item.samples)
            at = item.end_sample
        elif isinstance(item, Gap) and item.stream == "audio":
            assert round(item.t0_s * SAMPLE_RATE) == at
            at = round(item.t1_s * SAMPLE_RATE)
            pieces.append(np.zeros(at - round(item.t0_s * SAMPLE_RATE), np.float32))
    return np.concatenate(pieces)


def seen(inputs: Iterable[SourceInput]) -> list[VideoFrame]:
    return [item for item in inputs if isinstance(item, VideoFrame)]


def gaps(inputs: Iterable[SourceInput], stream: str) -> list[tuple[float, float]]:
    return [(i.t0_s, i.t1_s) for i in inputs if isinstance(i, Gap) and i.stream == stream]


def beep_s(inputs: list[SourceInput]) -> float:
    return int(np.flatnonzero(np.abs(heard(inputs)) > 0.3)[0]) / SAMPLE_RATE


def flash_s(inputs: list[SourceInput]) -> float:
    return next(frame.t_s for frame in seen(inputs) if frame.image.mean() > 128)


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_gives_its_sound_and_pictures_in_time_order(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"talk.{suffix}", seconds=1.0)
    inputs, faults = read(path)
    assert faults == []
    times_s = [available_s(item) for item in inputs]
    assert times_s == sorted(times_s)
    has_video, has_audio = (codec is not None for codec in CODECS[suffix])
    assert has_audio
    samples = heard(inputs)
    assert len(samples) / SAMPLE_RATE == pytest.approx(1.0, abs=0.07)
    middle = samples[4_000:12_000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=3)
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert len(seen(inputs)) == (25 if has_video else 0)
    assert sum(isinstance(item, EndOfStream) for item in inputs) == 1 + has_video


@pytest.mark.parametrize(
    ("suffix", "audio_start_s", "video_start_s"),
    [("avi", 0.0, 0.0)]  # which cannot store a start
    + [
        (suffix, *starts_s)
        for suffix in ("mp4", "mov", "mkv", "webm", "flv", "ts")
        for starts_s in [(0.0, 0.0), (0.4, 0.0), (0.0, 0.3), (7.2, 7.0)]
    ],
)
def test_sound_and_pictures_keep_their_distance(
    suffix: str, audio_start_s: float, video_start_s: float, tmp_path: Path
) -> None:
    path = make(
        tmp_path / f"clap.{suffix}",
        sound=beep_at(0.6),
        picture=flash_at(0.6),
        audio_start_s=audio_start_s,
        video_start_s=video_start_s,
    )
    inputs, faults = read(path)
    assert faults == []
    earliest_s = min(audio_start_s, video_start_s)
    # Codecs that start with priming samples let time begin up to one packet before the first real sample.
    assert flash_s(inputs) == pytest.approx(video_start_s - earliest_s + 0.6, abs=0.03)
    distance_s = beep_s(inputs) - flash_s(inputs)
    assert distance_s == pytest.approx(
        audio_start_s - video_start_s, abs=0.03 if suffix in ("flv", "avi") else 0.01
    )


def test_time_is_the_same_whichever_streams_are_wanted(tmp_path: Path) -> None:
    path = make(tmp_path / "clap.mkv", sound=beep_at(0.6), picture=flash_at(0.6), audio_start_s=0.4)
    both, _ = read(path)
    sound, _ = read(path, want_video=False)
    pictures, _ = read(path, want_audio=False)
    assert {item.stream for item in sound} == {"audio"}
    assert {item.stream for item in pictures} == {"video"}
    assert beep_s(sound) == beep_s(both)
    assert flash_s(pictures) == flash_s(both)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rates_keep_their_true_times(suffix: str, tmp_path: Path) -> None:
    times_s = [0.0, 0.033, 0.1, 0.2, 0.21, 0.5, 0.9, 1.3, 1.34, 1.9]
    path = make(tmp_path / f"vfr.{suffix}", frame_times_s=times_s)
    inputs, faults = read(path)
    assert [frame.t_s for frame in seen(inputs)] == pytest.approx(times_s, abs=0.001)
    assert faults == []


@pytest.mark.parametrize("video", ["mpeg4", "libx264"])
def test_pictures_stored_out_of_order_come_in_order_even_from_avi(video: str, tmp_path: Path) -> None:
    inputs, faults = read(make(tmp_path / "b.avi", video=video, video_options={"bf": "2"}))
    times_s = [frame.t_s for frame in seen(inputs)]
    assert len(times_s) == 50
    assert [late - early for early, late in pairwise(times_s)] == pytest.approx([0.04] * 49)
    assert faults == []


@pytest.mark.parametrize(
    ("matrix", "upper_left", "upper_right", "turned"),
    [
        ((1, 0, 0, 1), "red", "green", False),
        ((0, 1, -1, 0), "black", "red", True),  # a quarter clockwise
        ((-1, 0, 0, -1), "black", "black", False),
        ((0, -1, 1, 0), "green", "black", True),
        ((-1, 0, 0, 1), "green", "red", False),  # a mirror
    ],
)
def test_pictures_are_turned_upright(
    matrix: tuple[int, int, int, int], upper_left: str, upper_right: str, turned: bool, tmp_path: Path
) -> None:
    path = make(tmp_path / "turned.mp4", audio=None, picture=corners(), seconds=0.2)
    set_display_matrix(path, *matrix)
    image = seen(read(path)[0])[0].image
    height, width = image.shape[:2]
    assert (width, height) == ((64, 96) if turned else (96, 64))
    assert image.dtype == np.uint8
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "black": (0, 0, 0)}
    for x, colour in ((width // 4, upper_left), (3 * width // 4, upper_right)):
        assert image[height // 4, x].tolist() == pytest.approx(colours[colour], abs=25)


def test_large_pictures_are_scaled_down_and_small_ones_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "big.mp4", audio=None, size=(640, 360), picture=corners((640, 360)), seconds=0.2)
    assert seen(read(path)[0])[0].image.shape == (360, 640, 3)
    assert seen(read(path, video_max_side=320)[0])[0].image.shape == (180, 320, 3)
    assert seen(read(path, video_max_side=None)[0])[0].image.shape == (360, 640, 3)


def test_pictures_that_come_too_fast_can_be_thinned_out(tmp_path: Path) -> None:
    path = make(tmp_path / "talk.mp4", seconds=1.0)
    times_s = [frame.t_s for frame in seen(read(path, video_max_hz=12.5)[0])]
    assert times_s == pytest.approx([n * 0.08 for n in range(13)], abs=0.001)


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "gray", "bgra", "yuv444p"])
def test_unusual_pixel_formats_are_read(pixel_format: str, tmp_path: Path) -> None:
    path = make(tmp_path / "odd.mkv", video="ffv1", pixel_format=pixel_format, seconds=0.2)
    frames = seen(read(path)[0])
    assert len(frames) == 5
    assert frames[0].image[:, 0].mean() > 200  # the bright bar


def test_interlaced_pictures_are_read(tmp_path: Path) -> None:
    path = make(tmp_path / "field.mp4", video_options={"flags": "+ildct+ilme"}, seconds=0.4)
    assert len(seen(read(path)[0])) == 10


@pytest.mark.parametrize(
    ("name", "rate", "layout"),
    [
        ("phone.wav", 8_000, "mono"),
        ("cd.wav", 44_100, "stereo"),
        ("film.flac", 48_000, "5.1"),
        ("hi.flac", 96_000, "mono"),
    ],
)
def test_any_rate_and_layout_becomes_16_khz_mono_of_the_same_loudness(
    name: str, rate: int, layout: str, tmp_path: Path
) -> None:
    inputs, faults = read(make(tmp_path / name, rate=rate, layout=layout))
    samples = heard(inputs)
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, abs=2)
    assert np.sqrt((samples[4_000:28_000] ** 2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert faults == []


def test_twelve_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "array.wav"
    path.write_bytes(wav_bytes(48_000, channels=12, count=48_000))
    assert len(heard(read(path)[0])) == SAMPLE_RATE


def test_a_change_of_format_in_the_middle_is_followed(tmp_path: Path) -> None:
    first = make(tmp_path / "a.ts", seconds=1.0, video=None, rate=48_000)
    second = make(
        tmp_path / "b.ts", seconds=1.0, video=None, rate=32_000, layout="stereo", sound=beep_at(0.5)
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    samples = heard(read(joined)[0])
    assert len(samples) / SAMPLE_RATE == pytest.approx(2.0, abs=0.1)
    assert np.abs(samples[SAMPLE_RATE // 2 : SAMPLE_RATE - 2_000]).max() == pytest.approx(0.3, abs=0.05)
    assert np.abs(samples[int(1.4 * SAMPLE_RATE) :]).max() > 0.7


def test_time_stamps_that_start_again_are_joined_on_and_told(tmp_path: Path) -> None:
    part = make(tmp_path / "part.ts", seconds=2.0).read_bytes()
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part + part)
    inputs, faults = read(joined)
    assert len(heard(inputs)) / SAMPLE_RATE == pytest.approx(4.0, abs=0.15)
    assert len(seen(inputs)) >= 98
    assert sum("start again" in fault for fault in faults) == 2


def test_holes_in_the_sound_become_gaps_and_jitter_does_not(tmp_path: Path) -> None:
    inputs, faults = read(make(tmp_path / "hole.mkv", audio_hole_s=(0.8, 1.3)))
    ((t0_s, t1_s),) = gaps(inputs, "audio")
    assert (t0_s, t1_s) == (pytest.approx(0.81, abs=0.02), pytest.approx(1.31, abs=0.02))
    assert len(heard(inputs)) == pytest.approx(2 * SAMPLE_RATE, abs=400)
    assert faults == [f"There is no sound from {t0_s:.2f} s to {t1_s:.2f} s."]
    # flv rounds its times to milliseconds, and an mp3 packet is 26.12 ms
    assert gaps(read(make(tmp_path / "jitter.flv", rate=44_100))[0], "audio") == []


def test_a_short_hole_in_the_middle_is_absorbed(tmp_path: Path) -> None:
    inputs, faults = read(make(tmp_path / "hole.mkv", audio_hole_s=(0.8, 0.82)))
    assert gaps(inputs, "audio") == []
    assert faults == []


def test_a_badly_interleaved_file_still_comes_in_time_order(tmp_path: Path) -> None:
    path = make(tmp_path / "apart.mkv", seconds=4.0, audio_last=True, options={"max_interleave_delta": "1"})
    inputs, faults = read(path)
    times_s = [available_s(item) for item in inputs]
    assert times_s == sorted(times_s)
    assert {item.stream for item in inputs[:5]} == {"audio", "video"}
    assert faults == []


def test_only_a_picture_or_two_wait_in_memory(tmp_path: Path) -> None:
    path = make(tmp_path / "apart.mkv", seconds=2.0, audio_last=True, options={"max_interleave_delta": "1"})
    images = []
    most = 0
    gc.disable()  # nothing may depend on the collector
    try:
        with RecordingSource(path) as source:
            for item in source.inputs():
                if isinstance(item, VideoFrame):
                    images.append(weakref.ref(item.image))
                most = max(most, sum(image() is not None for image in images))
    finally:
        gc.enable()
    assert len(images) == 50
    assert most <= 3


def test_album_art_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        art = container.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = 64, 64, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        cover = encoded_video(art, [(0.0, np.zeros((64, 64, 3), np.uint8))], 0.0)
        for packet in cover + encoded_audio(sound, tone, 1.0, 44_100, "mono", 0.0):
            container.mux(packet)
    with RecordingSource(path) as source:
        assert [stream.kind for stream in source.streams] == ["audio"]
    with pytest.raises(SourceError, match=r"song\.mp3: has no pictures\."):
        RecordingSource(path, want_audio=False)


def test_names_are_only_names(tmp_path: Path) -> None:
    path = make(tmp_path / "pipe:0.wav", seconds=0.5)
    with RecordingSource(path) as source:
        assert source.name == "pipe:0.wav"
        assert str(tmp_path) not in str(source.info)
        assert len(heard(source.inputs())) == SAMPLE_RATE // 2


def test_iterating_twice_gives_the_same_and_closing_ends_it(tmp_path: Path) -> None:
    source = RecordingSource(make(tmp_path / "talk.mp4", seconds=0.5))
    once, twice = list(source.inputs()), list(source.inputs())
    assert np.array_equal(heard(once), heard(twice))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(seen(once), seen(twice), strict=True))
    running = source.inputs()
    next(running)
    source.close()
    source.close()
    assert list(running) == []
    assert list(source.inputs()) == []


def test_chunks_have_the_asked_length(tmp_path: Path) -> None:
    path = make(tmp_path / "talk.wav", seconds=1.03)
    sizes = [len(i.samples) for i in read(path, audio_chunk_s=0.25)[0] if isinstance(i, AudioChunk)]
    assert sizes == [4_000, 4_000, 4_000, 4_000, 480]
    with pytest.raises(ValueError, match="audio_chunk_s"):
        RecordingSource(path, audio_chunk_s=0)


def test_probe_says_what_a_file_holds(tmp_path: Path) -> None:
    info = probe(make(tmp_path / "talk.mkv"))
    assert info.duration_s == pytest.approx(2.0, abs=0.02)
    assert str(info) == "talk.mkv: matroska, 2.0 s; video h264 96x64 25/s; audio opus 48000 Hz mono"


def test_a_second_sound_track_is_mentioned_as_not_used(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        for stream in streams:
            for packet in encoded_audio(stream, tone, 0.5, 16_000, "mono", 0.0):
                container.mux(packet)
    assert str(probe(path)).endswith("(not used)")
    assert len(heard(read(path)[0])) == SAMPLE_RATE // 2


def test_non_square_pixels_are_shown_as_they_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for packet in encoded_video(stream, [(0.0, moving_bar(0.0))], 0.0):
            container.mux(packet)
    assert seen(read(path)[0])[0].image.shape == (64, 128, 3)
