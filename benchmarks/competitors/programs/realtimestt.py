"""Drives RealtimeSTT, in its own environment: sound on standard input, settled texts on standard output.

    python realtimestt.py '{"model": "FOLDER", ...}' < 16 kHz, mono, 16 bit

Its arguments are those of `AudioToTextRecorder`. Each line written is JSON: `{"ready": true}` once, then
`{"text": ...}` as soon as its caller has it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module

PIECE = 640  # bytes: 20 ms


def main() -> None:
    """Listen until standard input ends."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)  # the library prints, too
    os.dup2(2, 1)
    recorder = import_module("RealtimeSTT").AudioToTextRecorder(**json.loads(sys.argv[1]))
    threading.Thread(target=feed, args=(recorder,), daemon=True).start()
    say.write(json.dumps({"ready": True}) + "\n")
    while True:
        say.write(json.dumps({"text": recorder.text()}) + "\n")


def feed(recorder: object) -> None:
    """Pass on what comes in; nothing that was settled is lost if the process ends with its input."""
    while piece := sys.stdin.buffer.read(PIECE):
        recorder.feed_audio(piece)
    os._exit(0)


if __name__ == "__main__":
    main()
