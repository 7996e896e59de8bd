"""What was said, with the emotions beside the words, and with what those who watched noted."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from xml.etree.ElementTree import Element

from core.events import Marker
from realtime.report.markup import node
from realtime.report.reading import Report, Speech
from realtime.report.signs import glyph, hue, sign_of
from realtime.report.wording import clock, percent


def conversation(report: Report) -> Element:
    """Utterances and marks in the order of their times."""
    entries = [(speech.t0_s, _utterance(speech, report)) for speech in report.speech.values()]
    entries += [(mark.t_s, _mark(mark)) for mark in report.marks]
    if not entries:
        return node("p", "Nobody was heard to speak.", class_="card")
    return node("ol", *(entry for _, entry in sorted(entries, key=itemgetter(0))), class_="card conversation")


def _utterance(speech: Speech, report: Report) -> Element:
    words = node("p", speech.text or None, dir="auto", class_="words")
    if speech.pending:
        words.append(node("i", f" {speech.pending} …", class_="quiet", title="never became final"))
    elif not speech.text:
        words.append(node("i", "no words", class_="quiet"))
    said = node("div", words, *_corrections(speech), class_="said")
    labels = node("div", *_verdict(speech, report), class_="verdict")
    return node("li", _time(speech.t0_s), node("b", speech.person, dir="auto", class_="who"), said, labels)


def _verdict(speech: Speech, report: Report) -> Iterator[Element]:
    verdict = speech.verdict
    if verdict is None:
        yield node("span", "no final estimate", class_="quiet")
    elif verdict.abstained:
        yield node("span", "not enough evidence", class_="quiet")
    elif not verdict.labels:
        yield node("span", "no label", class_="quiet")
    else:
        for label, probability in verdict.labels:
            sure = None if probability is None else node("small", f" {percent(probability)}")
            yield node(
                "span", glyph(label, report.hello.labels), f" {label}", sure,
                class_=f"chip {hue(label, report.hello.labels)}",
            )  # fmt: skip
    absent = [m for m in speech.missing if m not in report.hello.withheld]
    if absent:
        yield node("small", f"without {', '.join(absent)}", class_="quiet")


def _corrections(speech: Speech) -> Iterator[Element]:
    for correction in speech.corrections:
        said = "called wrong"
        if correction.labels is not None:
            said += f"; right would be: {', '.join(correction.labels) or 'no label'}"
        yield node("p", sign_of("wrong"), f" {said}", class_="noted")


def _mark(mark: Marker) -> Element:
    text = node("p", sign_of("mark"), node("span", f" {mark.label or 'marked'}", dir="auto"), class_="noted")
    return node("li", _time(mark.t_s), node("b", "mark", class_="who"), text)


def _time(t_s: float) -> Element:
    return node("span", clock(t_s), class_="time")
