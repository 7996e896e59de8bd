"""The command `emotrack`: makes sure that its packages are its own, then hands over to a verb.

`core`, `realtime` and `train` are names that other projects use as well, and pip lets one project
overwrite another's packages without a word (docs/adr/0001-package-names.md). So this module imports
nothing but the standard library until it has looked where these three come from.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, others below 20 see `core.errors`, 20 the
packages are not emotrack's own, 130 interrupted.
"""

from __future__ import annotations

import atexit
import os
import sys
from importlib.util import find_spec
from typing import NoReturn

HOME = os.path.dirname(os.path.realpath(__file__))
PACKAGES = ("core", "realtime", "train")
FOREIGN_EXIT_CODE = 20

VERBS = {
    "replay": ("realtime.cli.app", "track a recording: terminal, web page, websocket, run folder"),
    "live": (
        "realtime.cli.app",
        "track a conversation: microphone, camera, the other side's sound and screen",
    ),
    "serve": ("realtime.cli.app", "track what clients send: a page's microphone and camera, or a program's"),
    "desktop": ("realtime.cli.app", "open the tracker window beside a call, with an icon in the tray"),
    "demo": ("realtime.cli.app", "fetch a real recording and replay it in real time"),
    "models": ("realtime.cli.models", "list, pull, verify and locate the weights"),
    "doctor": ("realtime.cli.doctor_command", "check devices, levels, models and back ends; say what to fix"),
    "train": ("train.cli", "train, evaluate and calibrate checkpoints"),
    "compile": ("realtime.cli.compile", "compile the networks for this machine"),
    "bench": ("benchmarks.cli", "measure speed and memory on this machine"),
    "report": ("realtime.report.command", "write the report on a finished run: a page and a picture"),
    "export": ("realtime.exports.command", "write a finished run as tables, subtitles or annotations"),
    "schema": ("realtime.cli.app", "print the JSON Schema of the feed's messages"),
}
"""Verb -> module whose `app` serves it, what it does. `realtime.cli.app` serves several verbs."""


def command() -> NoReturn:
    """The process: run one verb, then end with its exit code, whatever other threads are doing.

    A call into a library that hangs, or computes for long, cannot be ended from outside, so a session leaves
    its thread behind after a time limit. When Python ends, such a thread cannot have the interpreter back,
    and libraries in C++ (CTranslate2, ONNX Runtime, OpenCV) abort the whole process. So when everything else
    has been done and such threads are left, the process ends without waiting for Python's own end.
    """
    code = 1
    atexit.register(lambda: _end_beside_threads(code))  # the first to be registered runs as the last
    code = main()
    sys.exit(code)


def _end_beside_threads(code: int) -> None:
    import threading

    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if not others:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # there is none, nobody reads it, or it is closed
            code = code or 1
    os._exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the process's exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = os.environ.get("EMOTRACK_DEBUG", "") not in ("", "0")
    if words[:1] == ["--debug"]:
        words, debug = words[1:], True
    problem = foreign_packages()
    if problem:
        print(f"emotrack: {problem}", file=sys.stderr)
        return FOREIGN_EXIT_CODE
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if words[0] == "--version":
        from core.version import VERSION

        print(f"emotrack {VERSION}")
        return 0
    return _run(words[0], words[1:], debug=debug)


def help_text() -> str:
    """What the command can do: only verbs that are there."""
    lines = ["Usage: emotrack [--debug] VERB [OPTIONS]", ""]
    lines += ["Real-time multi-label emotion tracking from voice, words and face.", "", "Verbs:"]
    lines += [f"  {verb:8} {summary}" for verb, (module, summary) in VERBS.items() if _is_here(module)]
    lines += ["", "`emotrack VERB --help` explains a verb. --version prints the version;"]
    lines += ["--debug (or EMOTRACK_DEBUG=1) shows where an error comes from."]
    return "\n".join(lines)


def _run(verb: str, words: list[str], *, debug: bool) -> int:
    from core.errors import EmotrackError

    if debug:
        _talk()
    try:
        _dispatch(verb, words)
    except EmotrackError as error:
        if debug:
            import traceback

            traceback.print_exc()
        print(f"emotrack: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except KeyboardInterrupt:
        print("emotrack: interrupted.", file=sys.stderr)
        return 130
    except OSError as error:
        import errno

        if debug or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        print(f"emotrack: the output cannot be written ({error.strerror}).", file=sys.stderr)
        return 9
    return 0


def _talk() -> None:
    """Show what our own packages log, such as why a backend was passed over."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    for name in PACKAGES:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)


def _dispatch(verb: str, words: list[str]) -> None:
    from core.errors import ConfigError, NotAvailable

    if verb not in VERBS:
        raise ConfigError(f"There is no verb {verb!r}.{_nearest(verb)}", fix=_TRY_HELP)
    module, _ = VERBS[verb]
    if not _is_here(module):
        raise NotAvailable(f"emotrack {verb} is not part of this installation.", fix=_TRY_HELP)
    from importlib import import_module

    from typer.main import get_command

    app = import_module(module).app
    shared = module == "realtime.cli.app"
    name = "emotrack" if shared else f"emotrack {verb}"
    get_command(app).main(args=[verb, *words] if shared else words, prog_name=name)


_TRY_HELP = "`emotrack --help` lists what there is."


def _is_here(module: str) -> bool:
    return os.path.isfile(os.path.join(HOME, *module.split(".")) + ".py")


def _nearest(verb: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(verb, [v for v in VERBS if _is_here(VERBS[v][0])], n=1)
    return f" Did you mean {near[0]}?" if near else ""


# --- the guard ---------------------------------------------------------------------------------------


def foreign_packages(home: str = HOME) -> str | None:
    """Say which of the three packages is not the one that came with this file, and what to do about it.

    Two things go wrong in practice: another `realtime` stands earlier on Python's path, or another
    distribution was installed later and overwrote files of ours. The first shows in the place where a
    package is found, the second in the hashes that pip recorded.

    Returns:
        One or two sentences for the user, or None when all is well.
    """
    # A checkout has benchmarks too, and other projects leave a package of that name behind.
    optional = [name for name in ("benchmarks",) if _is_here(f"{name}.__init__")]
    for name in (*PACKAGES, *optional):
        spec = find_spec(name)
        found = os.path.dirname(os.path.realpath(spec.origin)) if spec and spec.origin else None
        if found != os.path.join(home, name):
            place = f"comes from {found}" if found else "is missing"
            return _complaint(name, f"The package {name!r} {place}, not from emotrack ({home})")
    changed = _overwritten(home)
    if changed:
        return _complaint(changed.split("/")[0], f"{os.path.join(home, changed)} is not emotrack's own file")
    return None


def _complaint(package: str, finding: str) -> str:
    from importlib.metadata import packages_distributions

    owners = sorted({d for d in packages_distributions().get(package, []) if d.lower() != "emotrack"})
    blame = f": {' and '.join(owners)} installs {package!r} too" if owners else ""
    advice = "Install emotrack into an environment of its own (in a checkout: make setup)."
    if "PYTHONPATH" in os.environ:
        advice += " Run it without PYTHONPATH."
    return f"{finding}{blame}. {advice}"


def _overwritten(home: str) -> str | None:
    """First Python file of ours that differs from pip's record; None for a checkout, which has no record."""
    records = [e for e in os.listdir(home) if e.startswith("emotrack-") and e.endswith("-info")]
    for entry in records:
        with open(os.path.join(home, entry, "RECORD"), encoding="utf-8") as record:
            for line in record:
                path, _, rest = line.partition(",")
                if path.endswith(".py") and path.split("/")[0] in PACKAGES and not _matches(home, path, rest):
                    return path
    return None


def _matches(home: str, path: str, recorded: str) -> bool:
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    try:
        with open(os.path.join(home, path), "rb") as file:
            digest = sha256(file.read()).digest()
    except OSError:
        return False
    return recorded.partition(",")[0] == "sha256=" + urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    command()
