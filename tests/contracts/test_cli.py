"""The command: what it offers, what it says when something is wrong, and whose packages it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

import emotrack
from core.errors import EmotrackError, NotAvailable, SourceError
from core.version import VERSION
from tests import command

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "cli.txt"
HERE = [
    verb
    for verb, (module, _) in emotrack.VERBS.items()
    if (ROOT / f"{module.replace('.', '/')}.py").is_file()
]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "EMOTRACK_DEBUG")}
    return command.emotrack(*words, env={**env, "COLUMNS": "100", **environment}, timeout_s=120)


# --- what it offers ----------------------------------------------------------------------------------


def test_help_lists_every_verb_that_is_there_and_no_other() -> None:
    lines = emotrack.help_text().splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == HERE
    assert {"replay", "schema"} <= set(listed)


def test_help_imports_only_the_standard_library_and_its_time_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = "import sys, emotrack; before = set(sys.modules); emotrack.main(['--help']); "
    code += "print(*sorted({m.split('.')[0] for m in set(sys.modules)} - set(sys.stdlib_module_names)))"
    started_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with capsys.disabled():
        print(f"\nemotrack --help took {time.perf_counter() - started_s:.3f} s")
    assert done.stdout.splitlines()[-1].split() == ["__main__", "emotrack"]


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"emotrack {VERSION}\n"


def surface() -> Iterator[str]:
    """Every verb, argument and option, one per line."""
    from importlib import import_module

    for verb in HERE:
        module, _ = emotrack.VERBS[verb]
        command = get_command(import_module(module).app)
        if module == "realtime.cli.app":
            command = command.commands[verb]  # type: ignore[attr-defined]
        yield from _commands(command, verb)


def _commands(command: object, name: str) -> Iterator[str]:
    yield name
    for parameter in command.params:  # type: ignore[attr-defined]
        names = "/".join([*parameter.opts, *parameter.secondary_opts])
        if names != "--help":
            yield f"    {names}"
    for verb, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, f"{name} {verb}")


def test_verbs_and_options_are_as_they_were() -> None:
    text = "\n".join(surface()) + "\n"
    if os.environ.get("EMOTRACK_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "if this is meant: make golden"


@pytest.mark.parametrize("verb", HERE)
def test_every_verb_explains_itself(verb: str) -> None:
    done = run(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"emotrack {verb}" in done.stdout


# --- what it says when something is wrong ------------------------------------------------------------


def test_a_verb_that_was_not_installed_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(emotrack.VERBS, "bench", ("benchmarks.left_out", "measure"))
    assert emotrack.main(["bench", "--some-option"]) == NotAvailable.exit_code
    assert "emotrack bench is not part of this installation." in capsys.readouterr().err
    assert "bench" not in emotrack.help_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["repaly", "x.mp4"], "There is no verb 'repaly'. Did you mean replay?"),
        (["replay", "x.mp4", "--set", "feed.prt=1"], "unknown key feed.prt. Did you mean port?"),
        (["replay", "x.mp4", "--pace", "fast"], '"max", "realtime", or a number above 0'),
        (["replay", "x.mp4", "--config", "none.yaml"], "none.yaml: cannot be read"),
        (["replay"], "Missing argument"),
        (["replay", "x.mp4", "--paec", "max"], "No such option: --paec"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the session; a test gives it the `run_replay` that it needs."""
    module = ModuleType("realtime.runs.replay")
    monkeypatch.setitem(sys.modules, "realtime.runs.replay", module)
    return module


def test_the_options_reach_the_session(session: ModuleType) -> None:
    seen = []
    session.run_replay = lambda path, config, **options: seen.append((path, config, options)) or 0  # type: ignore[attr-defined]
    words = "replay a.mp4 --pace 2 --whisper tiny.en --language en --out run --checkpoint c --host localhost"
    options = " --port 0 --linger 1.5 --no-feed --no-console --force --set engine.faces.rate_hz=2"
    assert emotrack.main((words + options).split()) == 0
    [(path, config, given)] = seen
    assert (path, given) == (Path("a.mp4"), {"console": False, "force": True})
    assert (config.source.pace, config.whisper.size, config.whisper.language) == ("2", "tiny.en", "en")
    assert (config.run.out, config.checkpoint) == (Path("run"), Path("c"))
    feed = {"enabled": False, "host": "localhost", "port": 0, "linger_s": 1.5}
    assert config.feed.model_dump(include=set(feed)) == feed
    assert config.engine.faces.rate_hz == 2


def test_the_session_decides_the_exit_code(session: ModuleType) -> None:
    session.run_replay = lambda path, config, **options: 4  # type: ignore[attr-defined]
    assert emotrack.main(["replay", "a.mp4"]) == 4


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_ours_is_one_message_unless_debugging(
    debug: bool, session: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, config: object, **options: bool) -> int:
        raise SourceError("holds neither sound nor pictures.", where=str(path), fix="Name a recording.")

    session.run_replay = fail  # type: ignore[attr-defined]
    words = [*(["--debug"] if debug else []), "replay", "a.txt"]
    assert emotrack.main(words) == SourceError.exit_code
    said = capsys.readouterr().err
    assert said.endswith("emotrack: a.txt: holds neither sound nor pictures. Name a recording.\n")
    assert ("Traceback" in said) == debug
    assert len(said.splitlines()) == 1 or debug


def test_an_interruption_is_exit_code_130(session: ModuleType) -> None:
    def interrupted(path: Path, config: object, **options: bool) -> int:
        raise KeyboardInterrupt

    session.run_replay = interrupted  # type: ignore[attr-defined]
    assert emotrack.main(["replay", "a.mp4"]) == 130


def test_every_kind_of_error_has_an_exit_code_that_is_not_the_guards() -> None:
    codes = {kind.exit_code for kind in EmotrackError.__subclasses__()}
    assert 0 not in codes
    assert emotrack.FOREIGN_EXIT_CODE not in codes


# --- whose packages it runs --------------------------------------------------------------------------


def install_other(site: Path, package: str) -> None:
    """What pip leaves behind when another project with a package of that name is installed."""
    (site / package).mkdir(parents=True)
    (site / package / "__init__.py").write_text("raise SystemExit('the wrong package ran')\n")
    info = site / "other_project-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-project\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n")
    (info / "top_level.txt").write_text(f"{package}\n")


@pytest.mark.parametrize("package", emotrack.PACKAGES)
@pytest.mark.parametrize("words", [["--help"], ["replay", "a.mp4"], ["schema"]])
def test_another_projects_package_stops_the_command_with_its_name(
    package: str, words: list[str], tmp_path: Path
) -> None:
    install_other(tmp_path, package)
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import emotrack; "
    code += f"sys.exit(emotrack.main({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == emotrack.FOREIGN_EXIT_CODE
    assert done.stdout == ""
    assert done.stderr.startswith(
        f"emotrack: The package {package!r} comes from {tmp_path / package}, not from "
    )
    assert f"other-project installs {package!r} too" in done.stderr
    assert "an environment of its own" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_package_that_is_missing_stops_the_command(tmp_path: Path) -> None:
    (tmp_path / "emotrack.py").write_text((ROOT / "emotrack.py").read_text())
    done = subprocess.run(
        [sys.executable, "-S", str(tmp_path / "emotrack.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == emotrack.FOREIGN_EXIT_CODE
    assert "The package 'core' is missing" in done.stderr


def test_the_own_packages_pass() -> None:
    assert emotrack.foreign_packages() is None


@pytest.mark.parametrize("attempt", range(3))
def test_a_network_that_is_still_at_work_does_not_abort_the_process_at_its_end(attempt: int, weights) -> None:
    """A daemon thread within a network comes back while Python shuts down: that was SIGABRT, every time."""
    model = weights("silero-vad") / "silero_vad_16k_op15.onnx"
    program = f"""
import atexit, sys, threading
import numpy as np, onnxruntime
import emotrack
network = onnxruntime.InferenceSession({str(model)!r})
shapes = {{"input": (1, 576), "state": (2, 1, 128)}}
inputs = {{name: np.zeros(shape, np.float32) for name, shape in shapes.items()}}
if any(each.name == "sr" for each in network.get_inputs()):
    inputs["sr"] = np.array(16000, np.int64)
begun = threading.Event()
def compute():
    while True:
        network.run(None, inputs)
        begun.set()
threading.Thread(target=compute, daemon=True).start()
threading.Thread(target=lambda: (begun.wait(), print("waited for"))).start()
begun.wait()
emotrack.main = lambda: atexit.register(print, "cleaned up") and 4
emotrack.command()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.splitlines()) == (4, ["waited for", "cleaned up"]), done.stderr


def test_a_full_standard_output_is_one_message_and_exit_code_9() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, str(ROOT / "emotrack.py"), "schema"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    assert done.returncode == 9
    assert done.stderr == "emotrack: the output cannot be written (No space left on device).\n"
