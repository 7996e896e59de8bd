import os
import socket
import threading
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import SourceError
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.media.recording import RecordingSource
from tests.core.media.files import CODECS, damage, make, truncate, wav_bytes


def read(path: Path) -> tuple[list[SourceInput], list[str]]:
    with RecordingSource(path) as source:
        return list(source.inputs()), source.faults


def check_order(inputs: list[SourceInput]) -> None:
    """Contiguous samples but for gaps, rising pictures, one end each: whatever the file looked like."""
    at = 0
    for item in inputs:
        if isinstance(item, AudioChunk):
            assert item.start_sample == at
            at = item.end_sample
        elif isinstance(item, Gap) and item.stream == "audio":
            assert round(item.t0_s * SAMPLE_RATE) == at
            at = round(item.t1_s * SAMPLE_RATE)
    times_s = [item.t_s for item in inputs if isinstance(item, VideoFrame)]
    assert all(early < late for early, late in pairwise(times_s))
    ends = [item.stream for item in inputs if isinstance(item, EndOfStream)]
    assert len(ends) == len(set(ends)) >= 1


def sound_s(inputs: list[SourceInput]) -> float:
    return sum(len(item.samples) for item in inputs if isinstance(item, AudioChunk)) / SAMPLE_RATE


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        RecordingSource(path)
    assert caught.value.fix
    assert caught.value.exit_code == 4
    return str(caught.value)


# --- refused at once, with what, where and what to do ---


def test_a_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.mp4") == f"{tmp_path}/no.mp4: there is no such file. Check the path."


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path.name}: is a folder, not a recording. Name one file in it."


def test_a_pipe_that_would_wait_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert (
        refused(tmp_path / "pipe.wav") == "pipe.wav: is not a regular file. Copy its content to a file first."
    )


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "secret.wav", seconds=0.1)

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert refused(path) == (
        "secret.wav: cannot be opened: permission denied."
        " Change its permissions, or copy it to where you may read it."
    )


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "zero.mp4").touch()
    assert refused(tmp_path / "zero.mp4") == "zero.mp4: is empty (0 bytes). Copy or record it again."


@pytest.mark.parametrize("name", ["text.mp4", "text.txt", "text.wav"])
def test_text_under_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("Dear diary, this is not a recording.\n" * 200)
    assert refused(tmp_path / name).startswith(f"{name}: is text, not a recording. Use one of mp4, ")


def test_noise_under_the_name_of_a_recording(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 50_000, dtype=np.uint8).tobytes()
    (tmp_path / "noise.mp4").write_bytes(noise)
    message = refused(tmp_path / "noise.mp4")
    assert message.startswith("noise.mp4: holds nothing readable: it is damaged at its beginning, ")


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_an_mp4_that_was_never_finished(suffix: str, tmp_path: Path) -> None:
    whole = make(tmp_path / f"whole.{suffix}")
    path = truncate(whole, tmp_path / f"cut.{suffix}", 0.6)
    assert refused(path) == (
        f"cut.{suffix}: is cut off: its index (moov), which is written last, is missing."
        " Copy it again in full, or rebuild the index with a repair tool such as untrunc."
    )


@pytest.mark.parametrize("suffix", ["wav", "mkv", "mp4"])
def test_a_header_without_content(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"header.{suffix}", seconds=0)
    assert refused(path).startswith(
        (
            f"header.{suffix}: has a header, but nothing of its content can be decoded. Copy or record",
            f"header.{suffix}: has no sound or pictures. Choose a file that has.",
            f"header.{suffix}: holds nothing readable: it is damaged at its beginning, ends there, or",
        )
    )


def test_a_file_with_subtitles_only(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n\n")
    path = tmp_path / "words.mkv"
    with av.open(str(tmp_path / "words.srt")) as source, av.open(str(path), "w", format="matroska") as target:
        stream = target.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert refused(path) == "words.mkv: has no sound or pictures. Choose a file that has."


@pytest.mark.parametrize(
    ("rate", "channels", "problem"),
    [
        (1, 1, "audio: 1 samples per second, which no recording has"),
        (2_147_483_647, 1, "audio: 2147483647 samples per second, which no recording has"),
        (48_000, 200, "audio: 200 channels, which are too many"),
    ],
)
def test_absurd_rates_and_channels(rate: int, channels: int, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "absurd.wav"
    path.write_bytes(wav_bytes(rate, channels, 1_000))
    assert refused(path) == (
        f"absurd.wav: holds nothing that can be used ({problem})."
        " Export it again with usual settings, for instance 48000 Hz stereo and 1280x720."
    )


def test_a_rate_of_zero(tmp_path: Path) -> None:
    (tmp_path / "zero.wav").write_bytes(wav_bytes(0))
    assert "holds nothing readable" in refused(tmp_path / "zero.wav")


def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    """libav would follow a playlist's addresses, whatever the file is called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/part.ts"
        other = make(tmp_path / "other.wav", seconds=0.1)
        for name, text in (
            ("list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n"),
            ("list.ffconcat", f"ffconcat version 1.0\nfile '{other}'\n"),
        ):
            (tmp_path / name).write_text(text)
            assert "is text, not a recording" in refused(tmp_path / name)
        with pytest.raises(BlockingIOError):
            server.accept()


# --- read as far as possible, and told ---


@pytest.mark.parametrize("suffix", ["mkv", "webm", "avi", "flv", "ts", "wav", "mp3", "flac", "ogg"])
def test_a_truncated_file_gives_what_is_there_and_says_so(suffix: str, tmp_path: Path) -> None:
    path = truncate(make(tmp_path / f"whole.{suffix}", seconds=3.0), tmp_path / f"cut.{suffix}", 0.6)
    inputs, faults = read(path)
    check_order(inputs)
    assert 0.8 < sound_s(inputs) < 2.4
    assert any(
        told in fault
        for fault in faults
        for told in ("but the file announces 3.0", "The file is cut short", "nothing could be read after")
    )


def test_an_mp4_with_its_index_in_front_survives_being_cut(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", seconds=3.0, options={"movflags": "faststart"})
    inputs, faults = read(truncate(whole, tmp_path / "cut.mp4", 0.6))
    check_order(inputs)
    assert 0.8 < sound_s(inputs) < 2.4
    assert any("but the file announces 3.0" in fault for fault in faults)


@pytest.mark.parametrize("suffix", [suffix for suffix in CODECS if suffix != "wav"])
def test_damage_in_the_middle_loses_only_the_middle(suffix: str, tmp_path: Path) -> None:
    whole = make(tmp_path / f"whole.{suffix}", seconds=6.0)
    inputs, faults = read(damage(whole, tmp_path / f"damaged.{suffix}", 0.45, 0.6))
    check_order(inputs)
    assert 3.0 < sound_s(inputs) < 5.8
    assert faults
    ends_s = {item.stream: item.t_s for item in inputs if isinstance(item, EndOfStream)}
    if suffix in ("avi", "mp3"):  # which count packets instead of storing times, so a hole cannot be seen
        assert any("but the file announces 6.0" in fault for fault in faults)
        assert ends_s["audio"] > 4.5
    else:
        holes = [item for item in inputs if isinstance(item, Gap) and item.stream == "audio"]
        assert holes
        assert all(1.5 < hole.t0_s < hole.t1_s < 4.5 for hole in holes)
        assert ends_s["audio"] == pytest.approx(6.0, abs=0.1)


def test_damaged_pictures_leave_an_announced_hole(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", seconds=6.0)
    inputs, faults = read(damage(whole, tmp_path / "damaged.mp4", 0.45, 0.6))
    (hole,) = [item for item in inputs if isinstance(item, Gap) and item.stream == "video"]
    told = f"The pictures from {hole.t0_s:.2f} s to {hole.t1_s:.2f} s could not be read."
    assert told in faults
    times_s = [item.t_s for item in inputs if isinstance(item, VideoFrame)]
    assert not any(hole.t0_s < t_s < hole.t1_s for t_s in times_s)


def test_pictures_that_cannot_be_decoded_at_all_leave_the_sound(tmp_path: Path) -> None:
    path = make(tmp_path / "talk.mkv")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pictures = [bytes(packet) for packet in container.demux(stream) if packet.size]
    content = path.read_bytes()
    for picture in pictures:
        content = content.replace(picture, b"\xff" * len(picture))
    path.write_bytes(content)
    inputs, faults = read(path)
    check_order(inputs)
    assert sound_s(inputs) == pytest.approx(2.0, abs=0.02)
    assert EndOfStream("video", 0.0) in inputs
    assert "No picture could be decoded." in faults


def test_faults_never_name_the_folder(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", seconds=3.0)
    _, faults = read(truncate(whole, tmp_path / "cut.mkv", 0.6))
    assert faults
    assert not any(str(tmp_path) in fault for fault in faults)


def test_nothing_is_printed_about_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(damage(make(tmp_path / "whole.mp4"), tmp_path / "damaged.mp4", 0.4, 0.6))
    assert capfd.readouterr() == ("", "")


def test_faults_are_those_of_the_last_iteration(tmp_path: Path) -> None:
    path = truncate(make(tmp_path / "whole.mkv", seconds=3.0), tmp_path / "cut.mkv", 0.6)
    with RecordingSource(path) as source:
        once = (list(source.inputs()), list(source.faults))[1]
        twice = (list(source.inputs()), list(source.faults))[1]
    assert once == twice


def test_closing_from_another_thread_ends_the_iteration(tmp_path: Path) -> None:
    source = RecordingSource(make(tmp_path / "talk.mkv", seconds=3.0))
    got = 0
    for _ in source.inputs():
        got += 1
        if got == 5:
            other = threading.Thread(target=source.close)
            other.start()
            other.join(timeout=10.0)
    assert got == 5
