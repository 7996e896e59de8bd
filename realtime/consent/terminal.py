"""Asking for consent in the terminal."""

from __future__ import annotations

from typing import TextIO

from core.errors import ConsentError
from realtime.consent.gate import ConsentGate, refused
from realtime.consent.ledger import Means

YES = ("yes", "y")


def ask(
    gate: ConsentGate, name: str | None, answers: TextIO, screen: TextIO, means: Means = "option"
) -> None:
    """Tell what is about to happen, and go on only if somebody agrees.

    Args:
        gate: takes the decision.
        name: who agrees, when that was said with the command; None = ask.
        answers: where answers come from. Nobody is asked where nobody can answer.
        screen: where the notice is shown.
        means: how `name` was said.

    Raises:
        ConsentError: nobody agreed, or the decision cannot be written down.
    """
    if name is not None and means == "window":  # where the notice was shown
        gate.give(name, means)
        return
    screen.write(f"\n{gate.notice.text}\n\nTo be read to everybody else who can be heard or seen:\n\n")
    screen.write("".join(f"    {line}\n" for line in gate.notice.others.splitlines()))
    screen.write(f"\nText {gate.notice.version}; decisions are kept in {gate.ledger.path}\n")
    screen.flush()
    if name is not None:
        gate.give(name, means)
        return
    if not answers.isatty():
        raise refused("open")
    who, agreed = _answered(answers, screen)
    if not agreed:
        gate.decline(who, "terminal")
        raise ConsentError("consent was declined: nothing is captured.")
    gate.give(who, "terminal")


def _answered(answers: TextIO, screen: TextIO) -> tuple[str, bool]:
    """Name and decision; whoever breaks off declines."""
    try:
        who = _line("Your name (empty = no): ", answers, screen)
        if not who:
            return "", False
        question = "Do you agree, and were all others told? Type yes: "
        return who, _line(question, answers, screen).lower() in YES
    except KeyboardInterrupt:
        screen.write("\n")
        return "", False


def _line(question: str, answers: TextIO, screen: TextIO) -> str:
    screen.write(question)
    screen.flush()
    return answers.readline().strip()
