"""From stretches of recordings to examples with tokens: resumed, in parallel, mistakes told at once."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.errors import SourceError
from train.corpora.numeric import FeatureExample
from train.corpora.recordings import RecordingExample
from train.recordings.cache import load_cut, place_of, recipe_key, save_cut
from train.recordings.cutting import Cut, Job, Recipe, Result, Runner, TokensOfPart, Unreadable

log = logging.getLogger(__name__)

_SHOWN: Final = 20


@dataclass(slots=True)
class Findings:
    """What there is to be told afterwards.

    Attributes:
        unusable: one line for each example that could not be read: where, and why.
        empty: number of examples in which nothing was heard, seen or understood.
    """

    unusable: list[str] = field(default_factory=list)
    empty: int = 0

    def sentences(self) -> list[str]:
        """For reports; none where all went well."""
        told = []
        if self.unusable:
            told.append(f"{len(self.unusable)} examples could not be read:\n{listed(self.unusable)}")
        if self.empty:
            told.append(f"In {self.empty} examples nothing was heard or seen; they are left out.")
        return told


def encode_recordings(
    examples: Sequence[RecordingExample],
    recipe: Recipe,
    run: Runner,
    cache: Path,
    *,
    lenient: bool = False,
    quiet: bool = True,
) -> tuple[list[FeatureExample], Findings]:
    """Cut every recording, or take it from the cache.

    Each result is stored as soon as it is there. So whatever ends the run, a damaged recording, Ctrl-C, a
    kill, costs no more than what was being computed, and the next run goes on from there.

    Args:
        examples: of one corpus.
        recipe: what to cut with.
        run: where.
        cache: folder.
        lenient: recordings that are missing or damaged are left out and told, not an error.
        quiet: no progress bar.

    Returns:
        Timed tokens with the examples' ids, sources, splits and labels, in their order. An example longer
        than the longest live window gives several, "ID#0", "ID#1", and so on.

    Raises:
        SourceError: recordings are missing or damaged; names every row, after all others were computed.
        WeightsError, ModelError, SpecMismatch: the stages cannot be loaded.
    """
    jobs = _jobs(examples)
    results = _results(list(jobs), recipe, run, cache, quiet=quiet)
    findings, found = Findings(), dict[int, list[FeatureExample]]()
    for job, rows in jobs.items():
        result = results[job]
        spans = (result.reason,) * len(rows) if isinstance(result, Unreadable) else result.spans
        for row, parts in zip(rows, spans, strict=True):
            example = examples[row]
            if isinstance(parts, str):
                findings.unusable.append(f"{example.row or example.id}: {example.path.name}: {parts}")
                continue
            found[row] = _with_labels(example, parts)
            findings.empty += not found[row]
    if findings.unusable and not lenient:
        raise SourceError(
            f"{len(findings.unusable)} of {len(examples)} examples cannot be read:\n"
            f"{listed(findings.unusable)}\nAll others are in the cache.",
            where=examples[0].corpus,
            fix="Mend or remove these, or leave them out with --skip-unreadable.",
        )
    return [one for row in sorted(found) for one in found[row]], findings


def listed(lines: Sequence[str]) -> str:
    """Lines below each other, the first few of many."""
    more = [f"  and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([*(f"  {line}" for line in lines[:_SHOWN]), *more])


def _jobs(examples: Sequence[RecordingExample]) -> dict[Job, list[int]]:
    """One job for each recording, with the numbers of its examples, in order of their spans."""
    rows: dict[Path, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        rows[example.path].append(row)
    return {
        Job(path, tuple((examples[row].t0_s, examples[row].t1_s) for row in mine)): mine
        for path, mine in rows.items()
    }


def _results(jobs: list[Job], recipe: Recipe, run: Runner, cache: Path, *, quiet: bool) -> dict[Job, Result]:
    key = recipe_key(recipe)
    results: dict[Job, Result] = {}
    places: dict[Job, Path] = {}
    for job in jobs:
        try:
            places[job] = place_of(job, key, cache)
        except OSError as error:
            results[job] = Unreadable(f"cannot be read ({error.strerror}).")
            continue
        if places[job].is_file():
            results[job] = load_cut(places[job])
    left = [job for job in jobs if job not in results]
    if not left:
        return results
    recipe.stages.prepare(recipe.checkpoint, recipe.whisper)
    for job, result in _shown(left, run(recipe, left), quiet=quiet):
        results[job] = result
        if isinstance(result, Cut):
            save_cut(result, places[job])
    return results


def _shown(
    jobs: list[Job], results: Iterator[tuple[int, Result]], *, quiet: bool
) -> Iterator[tuple[Job, Result]]:
    """Results with a bar that counts stretches; what cannot be read is told at once."""
    columns = (TextColumn("recordings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task("", total=sum(len(job.spans) for job in jobs))
        for number, result in results:
            progress.advance(bar, len(jobs[number].spans))
            if isinstance(result, Unreadable):
                log.warning("%s: %s", jobs[number].path, result.reason)
            yield jobs[number], result


def _with_labels(example: RecordingExample, parts: tuple[TokensOfPart, ...]) -> list[FeatureExample]:
    return [
        FeatureExample(
            id=example.id if len(parts) == 1 else f"{example.id}#{number}",
            corpus=example.corpus,
            source=example.source,
            split=example.split,
            labels=example.labels,
            tokens=tokens,
            text=example.text if len(parts) == 1 else None,
            scales=example.scales,
        )
        for number, tokens in enumerate(parts)
        if tokens
    ]
