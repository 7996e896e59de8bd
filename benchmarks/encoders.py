"""The verb bench encoders: the networks that run per hop, on every backend that this machine can run."""

from __future__ import annotations

from benchmarks.backend_output import AsJson, Checkpoint, Out, Picture, Rounds, emit, report_progress

JOBS = {
    "encoders": ["visual", "audio", "text"],
    "visual": ["visual"],
    "audio": ["audio"],
    "text": ["text"],
    "hop": ["visual", "audio", "fusion"],
}
"""One face, one block of speech, eight word pieces; a hop whose words are encoded already."""


def encoders(
    checkpoint: Checkpoint = None,
    rounds: Rounds = 50,
    as_json: AsJson = False,
    out: Out = None,
    picture: Picture = None,
) -> None:
    """Compare the backends on the encoders, and on one whole hop."""
    from benchmarks.backends import compare_backends

    figures = compare_backends(checkpoint, JOBS, "encoders", rounds, report_progress)
    emit(figures, "encoders", as_json=as_json, out=out, picture=picture)
