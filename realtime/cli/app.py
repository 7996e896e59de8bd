"""The verbs around the live loop: replay, live, serve, desktop, demo, schema. `emotrack.py` hands over."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file, see configs/replay.yaml.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key; repeatable.")]
Checkpoint = Annotated[Path | None, typer.Option(help="Folder of a trained checkpoint; else the default.")]
Pace = Annotated[str | None, typer.Option(help='"max", "realtime" (the default), or a factor such as 2.')]
Whisper = Annotated[
    str | None, typer.Option(metavar="SIZE", help='Recogniser: "base" (default), "tiny.en", ./FOLDER')
]
Language = Annotated[
    str | None, typer.Option(help='What is spoken: "en", one of "en,de", or "auto" (default).')
]
Purpose = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PURPOSE",
        help="personal (default), research, media; workplace and education leave only words.",
    ),
]
Consent = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who agrees to be captured; else it is asked.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for the run's files; else nothing is written.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is in a named folder already.")]
Host = Annotated[str | None, typer.Option(help="Address of feed and page (default 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port of feed and page (default 8765; 0 takes a free one).")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--feed-token-file", help="Viewers' token, the same at every launch; made if it is not there."
    ),
]
Linger = Annotated[float | None, typer.Option(help="Seconds that feed and page stay after the end.")]
Backend = Annotated[
    str | None, typer.Option(help='What runs the networks: "auto" (default), "onnx"...; see compile.')
]
Feed = Annotated[bool | None, typer.Option("--feed/--no-feed", help="Serve websocket feed and page.")]
Console = Annotated[bool, typer.Option("--console/--no-console", help="Show the run in the terminal.")]

DEMO_FOLDER = Path("runs/demo")

_DEVICE = '"default", a name or a part of it, or a number.'
_NO = "Leave out a source, such as camera; repeatable."
_REGION = 'Number of a screen, or "left,top,width,height".'


def _one(purposes: list[str] | None) -> str | None:
    """The purpose: the last that was named, unless one before it withholds something that it does not."""
    if not purposes:
        return None
    from core.policy import settled

    settled(purposes, purposes[-1])
    return purposes[-1]


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Video or audio file, or a folder of live --record.")],
    config: Config = None,
    pace: Pace = None,
    whisper: Whisper = None,
    language: Language = None,
    purpose: Purpose = None,
    out: Out = None,
    checkpoint: Checkpoint = None,
    backend: Backend = None,
    feed: Feed = None,
    host: Host = None,
    port: Port = None,
    feed_token_file: TokenFile = None,
    linger: Linger = None,
    console: Console = True,
    force: Force = False,
    set_: Set = None,
) -> None:
    """Track a recording: terminal view, web page, websocket feed, and a run folder if asked for.

    What is given later wins: the defaults, --config, the options, --set.
    """
    from realtime.config import resolve

    options = {
        "engine.purpose": _one(purpose),
        "source.pace": pace,
        "whisper.size": whisper,
        "whisper.language": language,
        "run.out": out,
        "checkpoint": checkpoint,
        "networks.backend": backend,
        "feed.enabled": feed,
        "feed.host": host,
        "feed.port": port,
        "feed.token_file": feed_token_file,
        "feed.linger_s": linger,
    }
    resolved = resolve(config, options, set_ or [])
    from realtime.runs.replay import run_replay

    raise typer.Exit(run_replay(file, resolved, console=console, force=force))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the run's files.")] = DEMO_FOLDER,
    pace: Pace = None,
    whisper: Whisper = None,
    port: Port = None,
    linger: Linger = None,
    console: Console = True,
    force: Force = False,
) -> None:
    """Fetch the demo recording (six real clips of a talking person) and replay it in real time."""
    from core.weights import find, is_ready
    from realtime.cli.demo import build_demo
    from realtime.cli.models import pull
    from realtime.config import resolve
    from realtime.runs.replay import run_replay

    options = {
        "source.pace": pace,
        "whisper.size": whisper,
        "whisper.language": "en",
        "run.out": out,
        "feed.port": port,
        "feed.linger_s": linger,
    }
    config = resolve(None, options, [])
    if not is_ready(find("demo-clips")):
        pull(["demo-clips"])
    recording = build_demo()
    own = out == DEMO_FOLDER  # holds nothing but an earlier demo, which is made again
    raise typer.Exit(run_replay(recording, config, console=console, force=force or own))


class Mutable(StrEnum):
    """What `--mute` leaves out."""

    AUDIO = "audio"
    VISUAL = "visual"


@app.command()
def live(
    config: Annotated[Path | None, typer.Option("--config", help="YAML file, see configs/live.yaml.")] = None,
    microphone: Annotated[str | None, typer.Option(metavar="DEVICE", help=_DEVICE)] = None,
    loopback: Annotated[str | None, typer.Option(metavar="DEVICE", help="The other side's sound.")] = None,
    camera: Annotated[str | None, typer.Option(metavar="DEVICE", help="Number, path, or address.")] = None,
    screen: Annotated[str | None, typer.Option(metavar="REGION", help=_REGION)] = None,
    no: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help=_NO),
    ] = None,
    play: Annotated[Path | None, typer.Option(help="Play this recording in place of devices.")] = None,
    whisper: Whisper = None,
    language: Language = None,
    hot_word: Annotated[
        list[str] | None, typer.Option(help="A name or term to be expected; repeatable.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder to keep sound and pictures in; else none are.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="End after this long; else run until Ctrl-C.")] = None,
    purpose: Purpose = None,
    consent: Consent = None,
    out: Out = None,
    checkpoint: Checkpoint = None,
    backend: Backend = None,
    feed: Feed = None,
    host: Host = None,
    port: Port = None,
    feed_token_file: TokenFile = None,
    linger: Linger = None,
    console: Console = True,
    mute: Annotated[
        list[Mutable] | None, typer.Option(help="Begin without what is heard or seen; repeatable.")
    ] = None,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="For programs: where the feed is, on standard output.")
    ] = False,
    force: Force = False,
    set_: Set = None,
) -> None:
    """Track a conversation as it happens: my microphone and camera, and the other side's sound and picture.

    Nothing is captured before somebody has agreed, for this session and its purpose.
    Ctrl-C ends it in order: what was said last still gets its words and its final estimate.
    What is given later wins: the defaults, --config, the options, --set.
    """
    from realtime.config import LiveConfig, resolve_as

    devices = {"microphone": microphone, "loopback": loopback, "camera": camera, "screen": screen}
    options = {
        **{f"sources.{name}": device for name, device in devices.items()},
        "engine.purpose": _one(purpose),
        "whisper.size": whisper,
        "whisper.language": language,
        "whisper.hot_words": hot_word or None,
        "record": record,
        "seconds": seconds,
        "run.out": out,
        "checkpoint": checkpoint,
        "networks.backend": backend,
        "feed.enabled": feed,
        "feed.host": host,
        "feed.port": port,
        "feed.token_file": feed_token_file,
        "feed.linger_s": linger,
    }
    left_out = [f"sources.{name}=null" for name in no or []]
    resolved = resolve_as(LiveConfig, config, options, [*left_out, *(set_ or [])])
    from realtime.runs.live import run_live

    muted: list[Literal["audio", "visual"]] = [modality.value for modality in mute or []]
    raise typer.Exit(
        run_live(
            resolved,
            play=play,
            console=console,
            consent=consent,
            muted=tuple(muted),
            supervised=supervised,
            force=force,
        )
    )


@app.command()
def desktop(
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file; else the one that the settings are kept in.")
    ] = None,
    play: Annotated[Path | None, typer.Option(help="Play this recording in place of devices.")] = None,
    purpose: Purpose = None,
    checkpoint: Checkpoint = None,
    set_: Set = None,
) -> None:
    """Open the tracker window, with an icon in the tray: a live run beside a call.

    Nothing is captured before somebody has agreed, for this session and its purpose.
    Needs the extra "desktop". What is given later wins: the settings, the options, --set.
    """
    from realtime.desktop.command import run_desktop

    raise typer.Exit(
        run_desktop(config, play=play, purpose=_one(purpose), checkpoint=checkpoint, overrides=set_ or [])
    )


@app.command()
def serve(
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file, see configs/serve.yaml.")
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(help="Sessions at a time; else one for every two cores.")
    ] = None,
    whisper: Whisper = None,
    language: Language = None,
    purpose: Purpose = None,
    consent: Consent = None,
    out: Out = None,
    checkpoint: Checkpoint = None,
    backend: Backend = None,
    host: Host = None,
    port: Port = None,
    feed_token_file: TokenFile = None,
    set_: Set = None,
) -> None:
    """Serve clients that send sound and pictures: a page with a microphone and a camera, or a program.

    Each client has a session of its own; a page shows it, and others can follow it. Ctrl-C ends the server.
    What is given later wins: the defaults, --config, the options, --set.
    """
    from realtime.config import ServeConfig, resolve_as

    options = {
        "engine.purpose": _one(purpose),
        "sessions.capacity": capacity,
        "whisper.size": whisper,
        "whisper.language": language,
        "run.out": out,
        "checkpoint": checkpoint,
        "networks.backend": backend,
        "feed.host": host,
        "feed.port": port,
        "feed.token_file": feed_token_file,
    }
    resolved = resolve_as(ServeConfig, config, options, set_ or [])
    from realtime.runs.serve import run_serve

    raise typer.Exit(run_serve(resolved, consent=consent))


class Contract(StrEnum):
    """What `emotrack schema` prints."""

    EVENTS = "events"
    FEED = "feed"
    ASYNCAPI = "asyncapi"


@app.command()
def schema(
    of: Annotated[Contract, typer.Argument(help="The events, all messages, or the AsyncAPI.")] = (
        Contract.EVENTS
    ),
) -> None:
    """Print the JSON Schema of the events or of all messages of the feed, or its AsyncAPI document."""
    if of is Contract.EVENTS:
        from core.schema import schema_text as text
    elif of is Contract.FEED:
        from realtime.feed.contract import feed_schema_text as text
    else:
        from realtime.feed.contract import asyncapi_text as text

    typer.echo(text(), nl=False)
