"""Recordings whose times, channels or containers are odd are read as a player plays them."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.media.recording import RecordingSource
from tests.core.media.files import beep_at, flash_at, make, wav_bytes


def read(path: Path) -> tuple[list[SourceInput], list[str]]:
    with RecordingSource(path) as source:
        return list(source.inputs()), source.faults


def sound(inputs: list[SourceInput]) -> np.ndarray:
    end = max(item.end_sample for item in inputs if isinstance(item, AudioChunk))
    samples = np.zeros(end, np.float32)
    for item in inputs:
        if isinstance(item, AudioChunk):
            samples[item.start_sample : item.end_sample] = item.samples
    return samples


def beeps_s(inputs: list[SourceInput]) -> list[float]:
    """Starts of loud stretches."""
    loud = np.flatnonzero(np.abs(sound(inputs)) > 0.3)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-SAMPLE_RATE) > SAMPLE_RATE // 10)]
    return [float(start) / SAMPLE_RATE for start in starts]


def flashes_s(inputs: list[SourceInput]) -> list[float]:
    return [item.t_s for item in inputs if isinstance(item, VideoFrame) and item.image.mean() > 128]


def beep_and_flash(path: Path, *, sound_s: float, pictures_s: float, at_s: float = 0.6) -> Path:
    """Sound and pictures that end apart, and show where they belong together."""
    times = [n / 25 for n in range(round(pictures_s * 25))]
    return make(
        path, seconds=sound_s, sound=beep_at(at_s), picture=flash_at(at_s), frame_times_s=times, audio="mp2"
    )


# --- time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts", [[(3.0, 1.4), (2.0, 2.0)], [(1.4, 3.0), (2.0, 2.0)], [(3.0, 1.4), (1.4, 3.0), (2.0, 2.0)]]
)
def test_sound_and_pictures_of_joined_files_stay_together(
    parts: list[tuple[float, float]], tmp_path: Path
) -> None:
    joined = tmp_path / "joined.ts"
    for number, (sound_s, pictures_s) in enumerate(parts):
        part = beep_and_flash(tmp_path / f"{number}.ts", sound_s=sound_s, pictures_s=pictures_s)
        with joined.open("ab") as file:
            file.write(part.read_bytes())
    inputs, faults = read(joined)
    begin_s, wanted = 0.0, []
    for sound_s, pictures_s in parts:
        wanted.append(begin_s + 0.6)
        begin_s += max(sound_s, pictures_s)
    assert beeps_s(inputs) == pytest.approx(wanted, abs=0.1)
    assert flashes_s(inputs) == pytest.approx(beeps_s(inputs), abs=0.06)
    assert sum("the parts were joined" in fault for fault in faults) == 2 * (len(parts) - 1)


@pytest.mark.parametrize("clock", ["audio_start_s", "video_start_s"])
@pytest.mark.parametrize("offset_s", [1_700_000_000.0, 7_200.0])
def test_a_stream_stamped_with_another_clock_is_read_beside_the_other(
    clock: str, offset_s: float, tmp_path: Path
) -> None:
    path = make(
        tmp_path / "x.mkv",
        sound=beep_at(0.6),
        picture=flash_at(0.6),
        audio="aac",
        audio_last=True,
        **{clock: offset_s},  # type: ignore[arg-type]
    )
    inputs, faults = read(path)
    assert beeps_s(inputs) == pytest.approx([0.6], abs=0.1)
    assert flashes_s(inputs) == pytest.approx([0.6], abs=0.05)
    assert max(item.t_s for item in inputs if isinstance(item, EndOfStream)) < 2.2
    assert any("have another beginning" in fault for fault in faults)
    assert not any("announces" in fault for fault in faults)


def flv_tags(content: bytes) -> list[tuple[int, int]]:
    """Kind and position of the tags of an flv file."""
    tags, position = [], 9 + 4
    while position + 11 <= len(content):
        tags.append((content[position], position))
        position += 11 + int.from_bytes(content[position + 1 : position + 4], "big") + 4
    return tags


@pytest.mark.parametrize("kind", [8, 9], ids=["sound", "pictures"])
@pytest.mark.parametrize("stamp_ms", [0, 90_000, 0x7FFFFF00])
@pytest.mark.parametrize("number", [3, 20])
def test_one_wrong_time_stamp_moves_nothing_else(
    kind: int, stamp_ms: int, number: int, tmp_path: Path
) -> None:
    path = make(tmp_path / "x.flv", sound=beep_at(1.6), picture=flash_at(1.6))
    content = bytearray(path.read_bytes())
    at = [position for k, position in flv_tags(content) if k == kind][number]
    content[at + 4 : at + 8] = (stamp_ms & 0xFFFFFF).to_bytes(3, "big") + bytes([stamp_ms >> 24])
    path.write_bytes(content)
    inputs, faults = read(path)
    assert beeps_s(inputs) == pytest.approx([1.6], abs=0.1)
    assert flashes_s(inputs) == pytest.approx([1.6], abs=0.05)
    assert [item for item in inputs if isinstance(item, Gap)] == []
    assert len(faults) <= 1
    assert not any("start again" in fault or "leap" in fault for fault in faults)


def test_a_still_screen_stands_and_what_comes_after_it_keeps_its_time(tmp_path: Path) -> None:
    times = [n / 25 for n in range(75)] + [5 + n / 25 for n in range(25)]
    path = make(
        tmp_path / "x.webm", seconds=6.0, sound=beep_at(5.6), picture=flash_at(5.6), frame_times_s=times
    )
    inputs, faults = read(path)
    assert flashes_s(inputs) == pytest.approx(beeps_s(inputs), abs=0.06)
    assert faults == []
    pictures_s = [item.t_s for item in inputs if isinstance(item, VideoFrame)]
    assert max(b - a for a, b in itertools.pairwise(pictures_s)) <= 0.5 + 1e-6
    assert [item for item in inputs if isinstance(item, Gap)] == []


def test_pictures_that_are_missing_for_long_are_a_hole(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 14.0, 14.04]
    inputs, faults = read(make(tmp_path / "x.mkv", seconds=15.0, frame_times_s=times))
    ((t0_s, t1_s),) = [(item.t0_s, item.t1_s) for item in inputs if isinstance(item, Gap)]
    assert (t0_s, t1_s) == pytest.approx((0.12, 14.0), abs=0.05)
    assert any("There are no pictures from" in fault for fault in faults)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_picture_every_two_seconds_is_no_hole(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"x.{suffix}", seconds=6.0, frame_times_s=[0.0, 2.0, 4.0])
    inputs, faults = read(path)
    assert faults == []
    assert not any(isinstance(item, Gap) for item in inputs)
    pictures_s = [item.t_s for item in inputs if isinstance(item, VideoFrame)]
    assert {0.0, 2.0, 4.0} <= {round(t_s, 2) for t_s in pictures_s}
    assert len(pictures_s) >= 9


# --- containers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0x7FFFF024, 0x7FFFF000),
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0x80000024, 0x80000000),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0, 0),
        (0, 0xFFFFFFFF),
    ],
)
def test_a_wav_file_that_was_written_to_a_pipe_is_whole(riff: int, data: int, tmp_path: Path) -> None:
    content = bytearray(wav_bytes(16_000))
    content[4:8] = struct.pack("<I", riff)
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", data)
    (tmp_path / "x.wav").write_bytes(content)
    inputs, faults = read(tmp_path / "x.wav")
    assert len(sound(inputs)) == 16_000
    assert faults == []


def test_a_wav_file_that_announces_what_it_does_not_have_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav_bytes(16_000)[:-8_000])
    _, faults = read(tmp_path / "x.wav")
    assert any("cut short" in fault for fault in faults)


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_a_chain_of_ogg_streams_goes_on_with_another_rate(codec: str, tmp_path: Path) -> None:
    first = make(tmp_path / "1.ogg", audio=codec, rate=48_000, layout="stereo", sound=beep_at(0.5))
    rate = 48_000 if codec == "libopus" else 22_050
    second = make(tmp_path / "2.ogg", audio=codec, rate=rate, layout="mono", sound=beep_at(0.7))
    (tmp_path / "x.ogg").write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    inputs, faults = read(tmp_path / "x.ogg")
    assert beeps_s(inputs) == pytest.approx([0.5, 2.7, 4.5], abs=0.06)
    assert faults == []
    with RecordingSource(tmp_path / "x.ogg") as source:
        assert source.duration_s == pytest.approx(6.0, abs=0.05)


def test_a_raw_h264_stream_an_animation_and_a_nist_file_are_read(tmp_path: Path) -> None:
    mp4 = make(tmp_path / "x.mp4", audio=None)
    with av.open(str(mp4)) as source, av.open(str(tmp_path / "x.h264"), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    make(tmp_path / "x.gif", video="gif", audio=None, pixel_format="rgb8")
    header = (
        b"NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
        b"sample_count -i 16000\nsample_byte_format -s2 01\nsample_coding -s3 pcm\nend_head\n"
    )
    (tmp_path / "x.sph").write_bytes(header.ljust(1024) + bytes(32_000))
    for name, kind, at_least_s in (
        ("x.h264", VideoFrame, 1.8),
        ("x.gif", VideoFrame, 1.8),
        ("x.sph", AudioChunk, 1),
    ):
        inputs, faults = read(tmp_path / name)
        assert any(isinstance(item, kind) for item in inputs), name
        assert inputs[-1].t_s >= at_least_s, name
        assert faults == [], name


# --- channels and tracks -------------------------------------------------------------------------------


def wav_of(path: Path, channels: np.ndarray, rate: int = 16_000, mask: int | None = None) -> Path:
    """(C, n) in [-1, 1] as 16-bit WAV, with a mask of loudspeakers or without."""
    count = len(channels)
    data = (channels.T * 32_767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, count, rate, 2 * count * rate, 2 * count, 16)
    if mask is not None:
        guid = struct.pack("<IHH", 1, 0, 16) + b"\x80\x00\x00\xaa\x00\x38\x9b\x71"
        form = struct.pack("<H", 0xFFFE) + form[2:] + struct.pack("<HHI", 22, 16, mask) + guid
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def voice(seconds: float = 4.0) -> np.ndarray:
    """Noise at .2 of full scale that comes and goes like syllables."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (
        0.2 * np.random.default_rng(1).standard_normal(len(t)).clip(-3, 3) * (np.sin(2 * np.pi * 1.5 * t) > 0)
    )


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("factor", [-1.0, -0.9])
def test_channels_that_cancel_each_other_are_not_mixed(factor: float, tmp_path: Path) -> None:
    inputs, faults = read(wav_of(tmp_path / "x.wav", np.stack([voice(), factor * voice()])))
    np.testing.assert_allclose(sound(inputs), voice(), atol=1e-3)
    assert faults == [
        "Mixing the 2 channels would lose the sound from 0.00 s on; channel 1 is used, the others are not."
    ]


@pytest.mark.parametrize(
    ("count", "speaking", "mask"),
    [
        (6, 4, 0x3F),
        (6, 4, None),
        (3, 3, None),
        (7, 4, None),
        (7, 7, None),
        (8, 6, None),
        (12, 9, None),
        (5, 5, 0),
    ],
)
def test_speech_on_one_channel_of_many_is_heard(
    count: int, speaking: int, mask: int | None, tmp_path: Path
) -> None:
    channels = np.zeros((count, len(voice())))
    channels[speaking - 1] = voice()
    inputs, faults = read(wav_of(tmp_path / "x.wav", channels, mask=mask))
    assert loudness(sound(inputs)) > 0.14 * loudness(voice())
    if faults:
        assert f"channel {speaking} is used, the others are not." in faults[0]
        np.testing.assert_allclose(sound(inputs), voice(), atol=1e-3)


def test_a_channel_is_found_beside_one_that_only_hums(tmp_path: Path) -> None:
    channels = np.zeros((6, len(voice(12.0))))
    channels[0] = 0.1 * np.sin(np.arange(channels.shape[1]) * 2 * np.pi * 100 / SAMPLE_RATE)
    channels[3, 5 * SAMPLE_RATE :] = voice(12.0)[5 * SAMPLE_RATE :]
    inputs, faults = read(wav_of(tmp_path / "x.wav", channels, mask=0x3F))
    heard = sound(inputs)
    np.testing.assert_allclose(heard[6 * SAMPLE_RATE :], channels[3, 6 * SAMPLE_RATE :], atol=1e-3)
    assert "channel 4 is used" in faults[-1]


def test_ordinary_stereo_is_mixed_and_nothing_is_said(tmp_path: Path) -> None:
    both = np.stack([voice(), np.roll(voice(), 400) * 0.5])
    inputs, faults = read(wav_of(tmp_path / "x.wav", both))
    np.testing.assert_allclose(sound(inputs), both.mean(axis=0), atol=1e-3)
    assert faults == []


@pytest.mark.parametrize(
    ("silent", "said"),
    [
        (
            (True, False),
            "The recording has 2 sound tracks; track 2 is used, track 1 is not (track 1 is silent).",
        ),
        ((False, True), "The recording has 2 sound tracks; track 1 is used, track 2 is not."),
        ((True, True), "The recording has 2 sound tracks; track 1 is used, track 2 is not."),
        (
            (True, True, False),
            "The recording has 3 sound tracks; track 3 is used, tracks 1, 2 are not (track 1 is silent).",
        ),
    ],
)
def test_the_track_with_speech_is_read_and_the_others_are_named(
    silent: tuple[bool, ...], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.mov"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") for _ in silent]
        container.start_encoding()
        for stream, is_silent in zip(streams, silent, strict=True):
            values = (voice() * (0 if is_silent else 1) * 32_767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(values, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, 0
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
    inputs, faults = read(path)
    assert faults == [said]
    assert (loudness(sound(inputs)) > 0.05) is not all(silent)
