from __future__ import annotations

from core.wire import decode, encode
from realtime.sinks.jsonl import JsonlSink


def test_every_line_is_the_message_of_the_feed_and_reads_back_as_the_event(tmp_path, conversation):
    sink = JsonlSink(tmp_path)
    for seq, event in enumerate(conversation):
        sink.write(event, seq)
    sink.close()
    lines = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert lines == [encode(event, seq).encode() for seq, event in enumerate(conversation)]
    assert [decode(line)[1] for line in lines] == list(range(len(conversation)))


def test_a_line_is_in_the_file_before_the_sink_is_closed(tmp_path, hello):
    sink = JsonlSink(tmp_path)
    sink.write(hello, 0)
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == encode(hello, 0) + "\n"
    sink.close()
