"""A machine that is too slow for a while: the command shares one core with programs that never rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.checks import finals_lost, shortened, sound_lost
from benchmarks.faults.run import FaultyRun, Message
from benchmarks.faults.testbed import Testbed
from benchmarks.live_figures import Observed

_DEEP: Final = ("no_text", "audio_only")
_MORE_EVERY_S: Final = 12.0
_MORE: Final = 4
_MOST_HOGS: Final = 24
_LONGEST_S: Final = 90.0
_BACK_WITHIN_S: Final = 240.0


def load(testbed: Testbed, words: list[str]) -> dict[str, Any]:
    """Ever more busy programs until words are left out, then none until everything is computed again."""
    address = f"http://127.0.0.1:{testbed.camera.port}/x"
    run = FaultyRun([*words, "--camera", address], testbed.sound.environment)
    with run:
        run.wait_until_calm(5.0, 60.0)
        begun_s = time.time()
        with _crowded(run.pid) as crowd:
            deep = _pushed_down(run, crowd)
        relieved_s = time.time()
        back = deep and run.wait_for(_is_step("full"), _BACK_WITHIN_S, since=run.mark)
        time.sleep(3.0)
    steps = [m for m in run.observed.of("status") if m[1]["code"] == "load_step" and m[0] >= begun_s]
    return {
        "how": f"one core, shared with up to {len(crowd)} programs that never rest, then the whole machine",
        **_of_load(run.observed, steps, back or None, relieved_s),
        "observed": run.observed,
        "ended_in_s": run.ended_in_s,
    }


def _of_load(
    observed: Observed, steps: list[Message], back: Message | None, relieved_s: float
) -> dict[str, Any]:
    lost, unheard = finals_lost(observed), sound_lost(observed)
    gaps = [e["message"] for _, e in observed.of("status") if e["code"] == "gap" and e["stream"] == "me"]
    holes = [message for message in gaps if "being opened" not in message]
    broken = [f"no final estimate of {name}" for name in lost] + unheard + holes
    if not any(e["value"] in _DEEP for _, e in steps):
        broken.append("the ladder did not go down to where words are left out")
    if back is None:
        broken.append("the ladder did not come back to full")
    return {
        "measured": {
            "steps": [e["value"] for _, e in steps],
            "full_again_after_s": None if back is None else round(back[0] - relieved_s, 1),
            "finals": sum(e["final"] for _, e in observed.of("estimate")),
            "finals_lost": len(lost),
            "sound_lost": unheard,
            "gaps": holes,
        },
        "broken": broken,
        "messages": [shortened(e) for _, e in steps],
    }


def _is_step(name: str):  # noqa: ANN202
    return lambda e: e["type"] == "status" and e["code"] == "load_step" and e["value"] == name


def _pushed_down(run: FaultyRun, crowd: list[subprocess.Popen[bytes]]) -> bool:
    """More and more company until words are left out; False when that does not happen in time."""
    since, limit_s = run.mark, time.monotonic() + _LONGEST_S
    core = next(iter(os.sched_getaffinity(run.pid)))
    while time.monotonic() < limit_s:
        for _ in range(_MORE if len(crowd) < _MOST_HOGS else 0):
            crowd.append(_hog(core))
        if run.wait_for(lambda e: _is_step(_DEEP[0])(e) or _is_step(_DEEP[1])(e), _MORE_EVERY_S, since):
            return True
    return False


@contextmanager
def _crowded(pid: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """All threads of a process on one core; at the end they may run anywhere again, and the crowd is gone."""
    everywhere = os.sched_getaffinity(pid)
    crowd: list[subprocess.Popen[bytes]] = []
    _pin(pid, {max(everywhere)})
    try:
        yield crowd
    finally:
        for hog in crowd:
            hog.kill()
            hog.wait()
        _pin(pid, everywhere)


def _pin(pid: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), cores)
        except ProcessLookupError:
            continue  # it has just ended


def _hog(core: int) -> subprocess.Popen[bytes]:
    code = f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    # Linux shares a core between sessions first: in one session all of them together would get one share.
    return subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)
