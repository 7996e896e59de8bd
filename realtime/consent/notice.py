"""What people are told before anything is captured. A change of one letter gives another version."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from core.labels import Purpose
from core.policy import policy_of

_EVERYTHING: Final = """\
emotrack is about to listen to and look through the devices of this machine that you configured. From words,
voices and faces it estimates which of seven emotions a person expresses. An estimate is a guess at what can
be heard and seen; it is not what somebody feels, and it is often wrong. To tell who speaks, it compares how
voices sound; such voice prints are biometric data, are held in memory alone, and end with the session."""

_WORDS_ONLY: Final = """\
emotrack is about to listen to the microphones and loudspeakers of this machine that you configured. It writes
down the words, and from the words alone it estimates which of seven emotions they express. No camera or
screen is looked at, no face is searched for, and how somebody speaks is not examined. An estimate is a guess,
and it is often wrong."""

_EVERYTHING_OF_CLIENTS: Final = """\
emotrack is about to take in what clients of this server send: the sound of their microphones and the pictures
of their cameras. From words, voices and faces it estimates which of seven emotions a person expresses. An
estimate is a guess at what can be heard and seen; it is not what somebody feels, and it is often wrong. To
tell who speaks, it compares how voices sound; such voice prints are biometric data, are held in memory alone,
and end with the session."""

_WORDS_ONLY_OF_CLIENTS: Final = """\
emotrack is about to take in the sound that clients of this server send. It writes down the words, and from
the words alone it estimates which of seven emotions they express. Pictures are not looked at, no face is
searched for, and how somebody speaks is not examined. An estimate is a guess, and it is often wrong."""

_RIGHTS: Final = """\
Nothing leaves this machine. Nothing is kept unless a folder was named for it (--out, --record). You may say
no. You may end the run at any time (Ctrl-C). You may take your consent back at any time (Ctrl-\\, Ctrl-Break
on Windows, or "withdraw" in a program that follows the run): then capturing stops within a second, and what
this session has written is deleted. Of your answer are kept: the name you give, the time, the version of this
text, the purpose and what you decided."""

_OTHERS: Final = """\
A program on my machine is about to write down what we say and to estimate, from {what}, which emotions we
express. Nothing leaves the machine. Its estimates are guesses and often wrong. You may say no, now or later;
then I stop it and delete what it wrote."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told for one purpose.

    Attributes:
        purpose: what the run is for.
        text: for the person who starts it.
        others: to be read to everybody else who can be heard or seen (EU AI Act, Art. 50(3)).
    """

    purpose: Purpose
    text: str
    others: str

    @property
    def version(self) -> str:
        """Sixteen hexadecimal digits that stand for exactly these texts."""
        return hashlib.sha256(f"{self.text}\0{self.others}".encode()).hexdigest()[:16]


CapturedBy = Literal["devices", "clients"]
"""Whose microphones and cameras: this machine's, or those of the clients of a server."""


def notice_for(purpose: Purpose, captured_by: CapturedBy = "devices") -> Notice:
    """What is told for a purpose.

    Args:
        purpose: what the run is for.
        captured_by: whose devices are captured.

    Raises:
        PolicyError: there is no such purpose.
    """
    policy = policy_of(purpose)
    about = _WORDS_ONLY if policy.withheld else _EVERYTHING
    if captured_by == "clients":
        about = _WORDS_ONLY_OF_CLIENTS if policy.withheld else _EVERYTHING_OF_CLIENTS
    what = "our words alone" if policy.withheld else "our words, voices and faces"
    parts = [about, _RIGHTS, f"Purpose of this session: {purpose}."]
    if policy.why:
        parts.append(policy.why)
    return Notice(purpose, "\n\n".join(parts), _OTHERS.format(what=what))
