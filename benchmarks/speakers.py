"""`bench speakers`: how well speakers are told apart in a recording, against an RTTM file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.diarization_figures import Turn, change_f1, error_rate, joined, names, read_rttm
from benchmarks.output import emit

LIVE_S: Final = 2.0
"""A label counts as live when it is known so long after its sound."""


@dataclass(slots=True)
class Labels:
    """Which voice each 160 ms was said to have, and when that was known.

    Attributes:
        final: step -> voice at the end, later merges included.
        live: step -> voice as it was believed two seconds after it.
        delay_s: step -> stream seconds from its end until it was decided.
        speech_s: speech that was encoded.
        cpu_s: processor time of encoding and deciding.
    """

    final: dict[int, int] = field(default_factory=dict)
    live: dict[int, int] = field(default_factory=dict)
    delay_s: dict[int, float] = field(default_factory=dict)
    speech_s: float = 0.0
    cpu_s: float = 0.0


def speakers(
    recording: Annotated[Path, typer.Argument(help="Recording, whatever can be replayed.")],
    rttm: Annotated[Path, typer.Argument(help="Who speaks when, as RTTM.")],
    people: Annotated[int | None, typer.Option(help="How many speak, if that may be known.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of engine.speakers, such as link=.3; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Tell the speakers of a recording apart as a run does, and compare with who really spoke.

    Voices alone are judged: no faces are looked at. Overlapping speech counts, so one voice at a time costs.
    """
    from benchmarks.machine import commit, machine
    from core.config import SpeakersConfig

    reference = read_rttm(rttm)
    chosen: dict[str, Any] = dict(text.partition("=")[::2] for text in setting or [])
    if people is not None:
        chosen |= {"at_least": people, "at_most": people}
    labels = listen(recording, SpeakersConfig.model_validate_strings({k: str(v) for k, v in chosen.items()}))
    figures = score(reference, labels) | {"settings": chosen}
    figures |= {"machine": machine(), "commit": commit()}
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def listen(path: Path, config: Any) -> Labels:  # noqa: ANN401
    """Play a recording's sound to an engine that does nothing but tell speakers apart.

    Args:
        path: the recording.
        config: a `core.config.SpeakersConfig`.
    """
    from core.backends.preparation import checkpoint_folder
    from core.config import EngineConfig
    from core.engine.engine import Engine
    from core.engine.load_shedding import ComputeBudget
    from core.inputs import AudioChunk, EndOfStream, Gap
    from core.media.recording import RecordingSource
    from core.spec import read_spec
    from core.work import Work, WorkResult
    from core.workers.loading import load_speakers, load_voice
    from core.workers.speakers import SpeakerWorker

    network, labels = load_speakers(), Labels()
    worker = SpeakerWorker(network)
    with RecordingSource(path) as source:
        streams = tuple(stream for stream in source.streams if stream.kind == "audio")
        settings = EngineConfig(speakers=config.model_copy(update={"every_stream": True}))
        spec = read_spec(checkpoint_folder(None))
        engine = Engine(settings, spec, load_voice(), streams, speakers=network.head)
        engine.state.scheduler.budget = ComputeBudget(
            partials=False, text=False, faces=False, voices=False, speakers=True
        )
        for item in source.inputs():
            if not isinstance(item, AudioChunk | Gap | EndOfStream) or item.stream != streams[0].name:
                continue
            pending: list[Any] = [item]
            while pending:
                begun_s = time.process_time()
                for output in engine.push(pending.pop(0)):
                    if isinstance(output, Work):
                        pending.append(WorkResult(output.id, worker.run(output.payload)))  # type: ignore[arg-type]
                labels.cpu_s += time.process_time() - begun_s
            _read(engine.state.speech[streams[0].name].voices, engine.now_s, labels)
    _settle(labels)
    return labels


def _read(voices: Any, now_s: float, labels: Labels) -> None:  # noqa: ANN401
    """Take down what is decided by now."""
    from core.inputs import SAMPLE_RATE
    from core.stages.diarization import STEP_SAMPLES

    state, step_s = voices.diarizer.state, STEP_SAMPLES / SAMPLE_RATE
    for step, voice in state.decided.items():
        labels.final[step] = voice
        labels.delay_s.setdefault(step, now_s - (step + 1) * step_s)
    due = int((now_s - LIVE_S) / step_s)
    for step in range(max(labels.live, default=due - 40), due):
        voice = state.decided.get(step) or voices.diarizer.voice_of(
            step * STEP_SAMPLES, (step + 1) * STEP_SAMPLES
        )
        if voice is not None:
            labels.live.setdefault(step, voice)


def _settle(labels: Labels) -> None:
    """Steps that were decided late in the recording had no two seconds left: they are as they are."""
    for step, voice in labels.final.items():
        labels.live.setdefault(step, voice)
    labels.live = {step: voice for step, voice in labels.live.items() if step in labels.final}
    labels.speech_s = 0.16 * len(labels.final)


def score(reference: list[Turn], labels: Labels) -> dict[str, Any]:
    """All figures of one recording.

    Returns:
        `der`, `der_live` and their forms with a collar of .25 s; `parts` of the first; `speakers` found,
        `reference_speakers`; `change_f1`; `right_label_s`: delay until a right label is decided, median and
        95th percentile; `cores`: processor seconds per second of speech.
    """
    import numpy as np

    final, live = _turns(labels.final), _turns(labels.live)
    whole = error_rate(reference, final)
    pairs = names(reference, final)
    right = [
        delay_s
        for step, delay_s in labels.delay_s.items()
        if any(
            turn.t0_s <= (step + 0.5) * 0.16 < turn.t1_s
            and pairs.get(f"v{labels.final.get(step)}") == turn.speaker
            for turn in reference
        )
    ]
    p50, p95 = np.percentile(right, [50, 95]) if right else (float("nan"), float("nan"))
    return {
        "der": whole["der"],
        "der_live": error_rate(reference, live)["der"],
        "der_collar": error_rate(reference, final, collar_s=0.25)["der"],
        "der_live_collar": error_rate(reference, live, collar_s=0.25)["der"],
        "parts": whole,
        "speakers": len({turn.speaker for turn in final}),
        "reference_speakers": len({turn.speaker for turn in reference}),
        "change_f1": change_f1(joined(reference), final),
        "right_label_s": {"p50": float(p50), "p95": float(p95)},
        "cores": labels.cpu_s / max(labels.speech_s, 1e-9),
    }


def _turns(steps: dict[int, int]) -> list[Turn]:
    return joined([Turn(step * 0.16, (step + 1) * 0.16, f"v{steps[step]}") for step in sorted(steps)])


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value")
    for name in ("der", "der_live", "der_collar", "der_live_collar", "change_f1", "cores"):
        table.add_row(name, f"{figures[name]:.3f}")
    table.add_row("speakers", f"{figures['speakers']} of {figures['reference_speakers']}")
    table.add_row("right label after", f"{figures['right_label_s']['p50']:.2f} s")
    Console().print(table)
