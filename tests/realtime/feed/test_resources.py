"""What a page can ask for besides messages: who may, what it gets, and what is forgotten."""

from __future__ import annotations

import base64
import http.client
import json
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, Status
from realtime.feed import media_file
from realtime.feed.curves import MAX_BINS, MAX_PEOPLE, Curves
from realtime.feed.media_file import piece
from realtime.feed.resources import RECORDING_PATH, Resources, RunMedia
from realtime.feed.sink import FeedSink

SOUND = bytes(range(256)) * 8
PICTURE = b"\xff\xd8 a picture"


def fetch(feed, path, token=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", feed.port, timeout=10)
    with closing(connection):
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", path, headers={**shown, **headers})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "talk.wav"
    path.write_bytes(SOUND)
    return path


@pytest.fixture
def feed(file, conversation):
    media = RunMedia(file, has_video=False, faces=lambda: {"p1": PICTURE})
    with closing(FeedSink(port=0, media=media)) as feed:
        for seq, event in enumerate(conversation):
            feed.write(event, seq)
        yield feed


@pytest.mark.parametrize("path", ["/v1/curves", "/v1/faces", "/v1/recording", "/v1/summary"])
def test_nothing_is_given_without_a_token_that_allows_to_read(feed, path):
    assert fetch(feed, path)[0] == 401
    assert fetch(feed, path, "wrong")[0] == 401
    assert fetch(feed, path, feed.tokens.ingest)[0] == 401
    assert fetch(feed, path, feed.tokens.view)[0] == 200
    assert fetch(feed, path, feed.tokens.control)[0] == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}])
def test_the_checks_of_every_request_hold_for_these_too(feed, headers):
    address = json.loads(fetch(feed, RECORDING_PATH, feed.tokens.view)[2])["address"]
    for path in ("/v1/faces", address):
        assert fetch(feed, path, feed.tokens.view, **headers)[0] in {403, 421}


def test_faces_come_as_pictures_by_person(feed):
    values = json.loads(fetch(feed, "/v1/faces", feed.tokens.view)[2])
    assert values == {"faces": {"p1": base64.b64encode(PICTURE).decode()}}


def test_the_recording_comes_in_the_ranges_that_a_player_asks_for(feed):
    found = json.loads(fetch(feed, RECORDING_PATH, feed.tokens.view)[2])
    assert found["video"] is False
    status, headers, body = fetch(feed, found["address"], Range="bytes=100-199")
    assert (status, body) == (206, SOUND[100:200])
    assert headers["Content-Range"] == f"bytes 100-199/{len(SOUND)}"
    assert headers["Content-Type"] == "audio/wav"
    assert headers["Cache-Control"] == "no-store"
    assert fetch(feed, found["address"], Range="bytes=2048-")[0] == 416
    assert fetch(feed, found["address"])[0] == 416
    assert fetch(feed, f"{RECORDING_PATH}/guessed", Range="bytes=0-")[0] == 404
    assert fetch(feed, RECORDING_PATH, Range="bytes=0-")[0] == 401


@given(size=st.integers(0, 300), first=st.integers(0, 400), last=st.integers(0, 400) | st.none())
def test_pieces_that_follow_each_other_are_the_file(tmp_path_factory, size, first, last):
    path = tmp_path_factory.mktemp("media") / "x"
    content = bytes(i % 251 for i in range(size))
    path.write_bytes(content)
    part = piece(path, f"bytes={first}-{'' if last is None else last}")
    wanted = content[first:] if last is None else content[first : last + 1]
    assert part.body == wanted
    assert part.status == (206 if wanted else 416)


def test_no_answer_is_larger_than_a_piece_and_the_next_goes_on(file, monkeypatch):
    monkeypatch.setattr(media_file, "MAX_PIECE", 1000)
    got, at = b"", 0
    while at < len(SOUND):
        part = piece(file, f"bytes={at}-")
        assert part.content_range == f"bytes {at}-{at + len(part.body) - 1}/{len(SOUND)}"
        got, at = got + part.body, at + len(part.body)
    assert got == SOUND
    assert piece(file, "bytes=-10").body == SOUND[-10:]


@pytest.mark.parametrize(
    "asked", [None, "", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"]
)
def test_what_is_no_single_range_gives_nothing(file, asked):
    part = piece(file, asked)
    assert (part.status, part.body, part.content_range) == (416, b"", f"bytes */{len(SOUND)}")


def test_a_recording_that_is_gone_is_said_to_be_so(feed, file):
    address = json.loads(fetch(feed, RECORDING_PATH, feed.tokens.view)[2])["address"]
    file.unlink()
    assert fetch(feed, address, Range="bytes=0-")[0] == 410


def test_away_from_loopback_neither_pictures_nor_sound_are_given(file):
    media = RunMedia(file, has_video=True, faces=lambda: {"p1": PICTURE})
    away = Resources(media, on_loopback=False, curves=lambda: {}, summary=lambda: {})
    assert away.answer("/v1/faces") is None
    assert away.answer(RECORDING_PATH) is None
    here = Resources(media, on_loopback=True, curves=lambda: {}, summary=lambda: {})
    address = here.answer(RECORDING_PATH)["address"]
    assert here.recording(address, "bytes=0-")[0].body == SOUND
    assert away.recording(address, "bytes=0-") is None


def test_a_run_without_a_recording_has_none(conversation):
    with closing(FeedSink(port=0)) as feed:
        feed.write(conversation[0], 0)
        assert fetch(feed, RECORDING_PATH, feed.tokens.view)[0] == 404
        assert fetch(feed, "/v1/faces", feed.tokens.view)[0] == 404


def test_the_curves_are_what_was_estimated(feed, conversation):
    found = json.loads(fetch(feed, "/v1/curves", feed.tokens.view)[2])
    for person in ("p1", "p2"):
        rolling = [
            e for e in conversation if isinstance(e, EmotionEstimate) and e.person == person and not e.final
        ]
        lists = found["people"][person]
        assert lists["t"] == pytest.approx([e.t1_s for e in rolling])
        for values, estimate in zip(lists["values"], rolling, strict=True):
            wanted = [round(estimate.probabilities[label] * 10_000) for label in found["labels"]]
            assert values == pytest.approx(wanted, abs=1)
        bits = [sum(1 << i for i, label in enumerate(found["labels"]) if label in e.active) for e in rolling]
        assert lists["present"] == bits
        assert lists["abstained"] == [int(e.abstained) for e in rolling]


def test_curves_are_bounded_in_length_and_in_people(conversation):
    curves = Curves()
    curves.add(conversation[0])
    base = next(e for e in conversation if isinstance(e, EmotionEstimate) and not e.final)
    for number in range(3 * MAX_BINS):
        curves.add(replace(base, t1_s=0.25 * (number + 1)))
    for number in range(MAX_PEOPLE + 5):
        curves.add(replace(base, person=f"p{number + 1}", t1_s=1000.0))
    people = curves.as_json()["people"]
    assert len(people) == MAX_PEOPLE
    assert all(len(lists["t"]) <= MAX_BINS for lists in people.values())
    assert f"p{MAX_PEOPLE + 5}" in people


def test_the_summary_is_the_one_of_the_run(feed):
    found = json.loads(fetch(feed, "/v1/summary", feed.tokens.view)[2])
    assert found["title"] == "recording interview.mp4: 12 s, finished"
    assert [person["person"] for person in found["people"]] == ["p1", "p2"]


def test_after_consent_is_withdrawn_nothing_is_left_to_be_asked_for(conversation):
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(conversation[:-1]):
            feed.write(event, seq)
        feed.write(Status(12.0, "consent", "warning", "withdrawn", value="withdrawn"), 1000)
        feed.forget()
        curves = json.loads(fetch(feed, "/v1/curves", feed.tokens.view)[2])
        assert curves["people"] == {}
        status, _, body = fetch(feed, "/v1/summary", feed.tokens.view)
        assert status == 404
        assert b"cold tonight" not in body
