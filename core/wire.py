"""Events as text: one line of canonical JSON each, the same on the feed and in `events.jsonl`.

Canonical: equal events give equal text. Fields come in the order of their declaration after `type` and `seq`,
keys of mappings sorted, times (names ending in `_s`) rounded to 3 decimals, other numbers to 4.
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn

from core.errors import FeedError
from core.events import Event
from core.terminal_text import clean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

TIME_DECIMALS: Final = 3
NUMBER_DECIMALS: Final = 4
EXACT_INTEGERS: Final = 2**53

MAX_NAME: Final = 40
"""Characters of a field's name that an error repeats."""

# Legal inside a JSON string, yet many readers end a line at U+2028, U+2029 and U+0085, and a terminal that
# shows the line obeys the control characters from U+007F to U+009F. `json` escapes those below U+0020.
_ESCAPED: Final = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
_IS_PLAIN: Final = re.compile(r"[\x20-\x7e]*")


def encode(event: Event, seq: int) -> str:
    """Write `event` as one line of JSON without the line's end.

    Args:
        event: what to say.
        seq: number of the message within the run, >= 0, increasing.

    Raises:
        ValueError: a number is not finite, or `seq` is negative.
    """
    if seq < 0:
        raise ValueError(f"seq: {seq} is negative")
    message = {"type": event.type, "seq": seq} | _plain(event, event.type, NUMBER_DECIMALS)
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text if _IS_PLAIN.fullmatch(text) else text.translate(_ESCAPED)


def decode(text: str | bytes) -> tuple[Event, int]:
    """Read what `encode` wrote.

    Returns:
        The event and its `seq`.

    Raises:
        FeedError: not JSON, an unknown type, an unknown, missing or repeated field, or a value of the wrong
            type; names the field.
    """
    message = parse(text)
    seq = message.pop("seq", None)
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
        raise FeedError(f"message's seq must be an integer >= 0, not {seq!r}.")
    return _validated(message), seq


def parse(text: str | bytes, *, max_depth: int | None = None) -> dict[str, Any]:
    """Read text as one JSON object, without knowing its type.

    Args:
        text: UTF-8 if bytes.
        max_depth: objects and lists within each other that are allowed; None: as many as Python bears.

    Raises:
        FeedError: not JSON, not an object, nested too deeply, a repeated field, or a number that is not
            finite.
    """
    try:
        message = json.loads(
            text, parse_float=_number, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise FeedError(f"message is not valid JSON: {error}.") from error
    if not isinstance(message, dict):
        raise FeedError("message is not a JSON object.")
    if max_depth is not None and _depth(message, max_depth) > max_depth:
        raise FeedError(f"message is nested more than {max_depth} deep.")
    return message


def _depth(value: Any, enough: int) -> int:  # noqa: ANN401
    """How deep `value` is nested, at most `enough` + 1."""
    if enough < 0 or not isinstance(value, dict | list):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, enough - 1) for item in items), default=0)


def _plain(value: Any, path: str, decimals: int) -> Any:  # noqa: ANN401
    """`value` as dicts, lists and scalars. `path` names it in errors."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            name: _plain(getattr(value, name), f"{path}.{name}", digits)
            for name, digits in _fields(type(value))
        }
    if isinstance(value, dict):
        return {_text(key): _plain(value[key], f"{path}.{key}", decimals) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [_plain(item, f"{path}.{index}", decimals) for index, item in enumerate(value)]
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int):
        return value
    number = float(value)  # NumPy's scalars too
    if not math.isfinite(number):
        raise ValueError(f"{path}: {number} is not a finite number")
    return round(number, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0


def _text(value: str) -> str:
    # A file name that is no valid UTF-8 carries lone surrogates, which no client could read.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, int], ...]:
    """Names of a dataclass's fields with the decimals of each."""
    return tuple((f.name, TIME_DECIMALS if f.name.endswith("_s") else NUMBER_DECIMALS) for f in fields(cls))


@functools.cache
def adapter() -> TypeAdapter[Event]:
    """The validator of messages less their `seq`: strict, told apart by `type`."""
    return _adapter("forbid")


@functools.cache
def tolerant_adapter() -> TypeAdapter[Event]:
    """As `adapter`, for what a newer minor version has written: fields that are not known are left out."""
    return _adapter("ignore")


def _adapter(extra: Literal["forbid", "ignore"]) -> TypeAdapter[Event]:
    from pydantic import ConfigDict, Field, TypeAdapter

    config = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)
    return TypeAdapter(Annotated[Event, Field(discriminator="type")], config=config)


def _validated(message: dict[str, Any]) -> Event:
    from pydantic import ValidationError

    try:
        return adapter().validate_json(json.dumps(message))
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc'])) or 'type'}: {problem['msg']}" for problem in error.errors()
        )
        raise FeedError(f"message is not understood: {'; '.join(problems)}.") from error


def _number(text: str) -> float:
    """JSON and JSON Schema have one kind of number: 1.0 is the integer 1."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= EXACT_INTEGERS else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"field {clean(name[:MAX_NAME])} is repeated")
        result[name] = value
    return result
