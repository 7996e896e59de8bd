"""The summary of a run: sections of lines for people, and the same as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from realtime.summary.gathering import Gathering, Moment, PersonTotals, Share
from realtime.summary.wording import (
    MODALITY_NAMES,
    adjective,
    clock,
    length,
    natural,
    percent,
    spoken_name,
    sureness,
)

MAX_PEOPLE: Final = 12
MAX_MOMENTS: Final = 5
MAX_DISAGREEMENTS: Final = 3
MAX_LABELS: Final = 3
MAX_REASONS: Final = 3
MAX_QUOTE: Final = 90
NEXT: Final = "What next"
ENDED: Final = {"finished": "finished", "interrupted": "stopped", "failed": "ended by a fault"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has shown.

    Attributes:
        title: what was tracked, how long, how it ended.
        sections: in the order in which they are shown; none is empty.
        values: the figures behind the lines, JSON values.
    """

    title: str
    sections: tuple[Section, ...]
    values: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Everything, as `summary.json` and `/v1/summary` have it."""
        sections = [{"title": each.title, "lines": list(each.lines)} for each in self.sections]
        return {"title": self.title, "sections": sections, **self.values}

    def as_lines(self) -> list[str]:
        """Plain lines."""
        lines = [self.title]
        for section in self.sections:
            lines += ["", section.title, *(f"  {line}" for line in section.lines)]
        return lines

    def as_markdown(self) -> str:
        """The document `summary.md`."""
        parts = [f"# {_escaped(self.title)}\n"]
        for section in self.sections:
            parts.append(f"## {section.title}\n")
            parts.append("\n".join(f"- {_escaped(line)}" for line in section.lines) + "\n")
        return "\n".join(parts)


def summarise(
    gathering: Gathering,
    *,
    name: Callable[[str], str] = spoken_name,
    folder: str | None = None,
) -> Summary | None:
    """Put what was gathered into words. None before a run has begun.

    Args:
        gathering: of the run; it may still go on.
        name: what a person is called.
        folder: the run folder, None where nothing is kept.
    """
    if gathering.hello is None:
        return None
    run = gathering.settled()
    if run.withdrawn:
        nothing = (Section("Consent was withdrawn", ("Nothing of this run is known any more.",)),)
        return Summary(_title(run), nothing, {"people": [], "moments": [], "disagreements": []})
    talkers = sorted(
        (person for person, totals in run.people.items() if totals.utterances),
        key=lambda person: (-run.people[person].spoken_s, natural(name(person))),
    )
    silent = sorted((p for p in run.people if p not in talkers), key=lambda person: natural(name(person)))
    strongest = sorted(run.strongest[:MAX_MOMENTS], key=lambda moment: moment.t0_s)
    against = sorted(run.disagreements[:MAX_DISAGREEMENTS], key=lambda moment: moment.t0_s)
    found = [
        ("Who spoke", list(_spoke(run, talkers, silent, name))),
        ("What was expressed", list(_expressed(run, talkers, silent, name))),
        ("Strongest moments", [_strong(moment, name) for moment in strongest] or ["None stood out."]),
        ("Where words, voice and face disagree", [_against(moment, name) for moment in against]),
        ("Marked", [f"{clock(mark.t_s)} {mark.label or 'marked'}" for mark in run.marks[:MAX_MOMENTS]]),
        ("Too little evidence", list(_thin(run, talkers, name))),
        (NEXT, _next(folder)),
    ]
    sections = tuple(Section(title, tuple(lines)) for title, lines in found if lines)
    return Summary(_title(run), sections, _values(run, [*talkers, *silent], strongest, against, name))


def _title(run: Gathering) -> str:
    assert run.hello is not None, "checked by the caller"
    ended = ENDED[run.end.reason] if run.end is not None else "so far"
    return f"{run.hello.source}: {length(run.now_s)}, {ended}"


def _spoke(
    run: Gathering, talkers: list[str], silent: list[str], name: Callable[[str], str]
) -> Iterator[str]:
    all_s = sum(run.people[person].spoken_s for person in talkers)
    for person in talkers[:MAX_PEOPLE]:
        totals = run.people[person]
        share = percent(totals.spoken_s / all_s) if all_s else "0%"
        many = "1 utterance" if totals.utterances == 1 else f"{totals.utterances} utterances"
        yield f"{name(person)}: {length(totals.spoken_s)}, {share} of all speech, {many}"
    if len(talkers) > MAX_PEOPLE:
        yield f"and {len(talkers) - MAX_PEOPLE} more: {_listed(talkers[MAX_PEOPLE:], name)}"
    if silent:
        yield f"Seen, not heard: {_listed(silent, name)}"
    if not talkers and not silent:
        yield "Nobody was seen or heard."


def _listed(people: list[str], name: Callable[[str], str]) -> str:
    shown = ", ".join(name(person) for person in people[:MAX_PEOPLE])
    return f"{shown} and {len(people) - MAX_PEOPLE} more" if len(people) > MAX_PEOPLE else shown


def _expressed(
    run: Gathering, talkers: list[str], silent: list[str], name: Callable[[str], str]
) -> Iterator[str]:
    for person in [*talkers, *silent][:MAX_PEOPLE]:
        totals = run.people[person]
        if totals.judged_s > 0:
            said = _shares(totals.spoken, totals.spoken_s)
            unknown = percent(1 - totals.judged_s / totals.spoken_s)
            rest = "" if unknown == "0%" else f"; too little evidence {unknown}"
            yield f"{name(person)}, speaking: {said}{rest}"
        elif totals.silent_s > 0 and not totals.utterances:
            yield f"{name(person)}, not speaking: {_shares(totals.silent, totals.silent_s)}"


def _shares(shares: dict[str, Share], whole_s: float) -> str:
    ranked = sorted(shares.items(), key=lambda item: -item[1].present_s)[:MAX_LABELS]
    said = [
        f"{adjective(label)} {percent(share.present_s / whole_s)} of the time ({sureness(share.certainty)})"
        for label, share in ranked
        if round(100 * share.present_s / whole_s)
    ]
    return ", ".join(said) or "no clear emotion"


def _strong(moment: Moment, name: Callable[[str], str]) -> str:
    sure = f"{adjective(moment.label)} {percent(moment.probability)}, {sureness(moment.certainty)}"
    return f"{clock(moment.t0_s)} {name(moment.person)}, {sure}{_quote(moment.text)}"


def _against(moment: Moment, name: Callable[[str], str]) -> str:
    high, low = (MODALITY_NAMES.get(each, each) for each in (moment.high, moment.low))
    verb = "say" if moment.high == "text" else "says"
    deny = "do not" if moment.low == "text" else "does not"
    said = f"{high} {verb} {moment.label}, {low} {deny}"
    return f"{clock(moment.t0_s)} {name(moment.person)}: {said}{_quote(moment.text)}"


def _quote(text: str) -> str:
    if not text:
        return ""
    short = text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE].rsplit(' ', 1)[0]} …"
    return f": “{short}”"


def _thin(run: Gathering, talkers: list[str], name: Callable[[str], str]) -> Iterator[str]:
    for person in talkers[:MAX_PEOPLE]:
        totals = run.people[person]
        if not totals.abstained:
            continue
        line = f"{name(person)}: {totals.abstained} of {totals.utterances} utterances"
        yield f"{line}; {_why(totals)}"


def _why(totals: PersonTotals) -> str:
    ranked = sorted(totals.missing.items(), key=lambda item: (-item[1], item[0]))[:MAX_REASONS]
    if not ranked:
        return "what there was did not point to one emotion"
    reasons = []
    for key, count in ranked:
        modality, _, reason = key.partition(": ")
        reasons.append(f"without {MODALITY_NAMES.get(modality, modality)} {count} times ({reason})")
    return ", ".join(reasons)


def _next(folder: str | None) -> list[str]:
    if folder is None:
        return ["Nothing of this run is kept: --out FOLDER keeps it, and `emotrack report FOLDER` shows it."]
    return [f"emotrack report {folder}    all of it as one page, with pictures"]


def _values(
    run: Gathering,
    people: list[str],
    strongest: list[Moment],
    against: list[Moment],
    name: Callable[[str], str],
) -> dict[str, Any]:
    assert run.hello is not None, "checked by the caller"

    def shares(of: dict[str, Share], whole_s: float) -> dict[str, Any]:
        return {
            label: {"share": round(share.present_s / whole_s, 4), "certainty": round(share.certainty, 4)}
            for label, share in of.items()
            if whole_s > 0
        }

    def moment(of: Moment) -> dict[str, Any]:
        return {key: value for key, value in asdict(of).items() if value != ""} | {"name": name(of.person)}

    return {
        "source": run.hello.source,
        "started_at": run.hello.started_at,
        "duration_s": round(run.now_s, 3),
        "ended": run.end.reason if run.end is not None else None,
        "people": [
            {
                "person": person,
                "name": name(person),
                "spoken_s": round(totals.spoken_s, 3),
                "utterances": totals.utterances,
                "abstained": totals.abstained,
                "speaking": shares(totals.spoken, totals.spoken_s),
                "not_speaking": shares(totals.silent, totals.silent_s),
            }
            for person in people
            for totals in (run.people[person],)
        ],
        "moments": [moment(each) for each in strongest],
        "disagreements": [moment(each) for each in against],
    }


def _escaped(line: str) -> str:
    """A line in which Markdown finds nothing to interpret: words of a conversation stay words."""
    return "".join(f"\\{character}" if character in r"\`*_[]<>#|" else character for character in line)
