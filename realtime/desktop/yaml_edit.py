"""Changing single values in a YAML text that people wrote: everything else stays as it is, to the letter.

PyYAML writes no comments, but tells where in the text each value stands. So a value is replaced in its place,
and a new key goes behind the last one of its group. The outcome is read again, and compared with what was
meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from core.config_base import read_yaml
from core.errors import ConfigError

_INDENT: Final = 2
_ENDLESS: Final = 1 << 30
"""Columns before the writer breaks a line: never."""


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text with other values.

    Args:
        text: one YAML document whose top is a mapping; it may be empty.
        changes: dotted key -> plain value (None, bool, int, float, str, or a mapping of these).

    Raises:
        ConfigError: the text is no mapping, or is written in a way that cannot be changed here: one value
            stands for several keys (`&`, `*`), for instance.
        yaml.YAMLError: the text is no YAML.
    """
    wanted = _group(read_yaml(text))
    result = text
    for dotted, value in changes.items():
        put(wanted, dotted, value)
        result = _changed(result, dotted.split("."), value)
    try:
        found = read_yaml(result)
    except yaml.YAMLError:
        found = None
    if changes and found != wanted:
        raise ConfigError(
            f"{', '.join(changes)} cannot be changed without disturbing the rest.",
            fix="Change it by hand, or write the file without anchors and aliases.",
        )
    return result


def put(values: dict[str, Any], dotted: str, value: Any) -> None:  # noqa: ANN401
    """Set a dotted key of nested `values`; groups that are not there are made."""
    *parents, last = dotted.split(".")
    node = values
    for parent in parents:
        child = node.get(parent)
        if not isinstance(child, dict):
            child = node[parent] = {}
        node = child
    node[last] = value


def at(values: Mapping[str, Any], dotted: str) -> Any:  # noqa: ANN401
    """What stands at a dotted key; None where nothing does."""
    node: Any = values
    for part in dotted.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _group(values: Any) -> dict[str, Any]:  # noqa: ANN401  (whatever the text says)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("is not a mapping of keys to values.")
    return values


def _changed(text: str, path: list[str], value: Any) -> str:  # noqa: ANN401
    top = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(top, yaml.MappingNode):  # empty, but for comments
        return _with_lines(text, len(text), _lines(path, value, 0))
    node, depth = top, 0
    while True:
        child = _child(node, path[depth])
        if child is None:
            return _inserted(text, node, path[depth:], value)
        depth += 1
        if depth == len(path) or not isinstance(child, yaml.MappingNode):
            rest = path[depth:]
            return _replaced(text, child, _flow(value) if not rest else "{" + _nested(rest, value) + "}")
        node = child


def _child(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    found = [value for name, value in node.value if name.value == key]
    return found[-1] if found else None  # of two, the last one counts


def _replaced(text: str, node: yaml.Node, new: str) -> str:
    start, end = node.start_mark.index, _end(node)
    old = text[start:end]
    if not old:
        return f"{text[:start]} {new}{text[end:]}"  # `key:` alone
    tail = old[len(old.rstrip("\r\n")) :]
    # Nothing but a list of dashes may begin in the column of its key.
    indent = " " * _INDENT if isinstance(node, yaml.SequenceNode) and not node.flow_style else ""
    return text[:start] + indent + new + tail + text[end:]


def _inserted(text: str, node: yaml.MappingNode, path: list[str], value: Any) -> str:  # noqa: ANN401
    if node.flow_style:
        brace = text.index("{", node.start_mark.index) + 1
        comma = ", " if node.value else ""
        return text[:brace] + _nested(path, value) + comma + text[brace:]
    end = _end(node)
    if text[end - 1] != "\n":
        line = text.find("\n", end)
        end = len(text) if line < 0 else line + 1
    return _with_lines(text, end, _lines(path, value, node.value[0][0].start_mark.column))


def _with_lines(text: str, at: int, lines: list[str]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    before = newline if at and text[at - 1] != "\n" else ""
    return text[:at] + before + "".join(line + newline for line in lines) + text[at:]


def _end(node: yaml.Node) -> int:
    """Where a value ends; that of a block reaches over the comments behind it, its last value does not."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _lines(path: list[str], value: Any, column: int) -> list[str]:  # noqa: ANN401
    """Groups and the value as a block, one key a line."""
    heads = [" " * (column + _INDENT * depth) + f"{_flow(part)}:" for depth, part in enumerate(path)]
    return [*heads[:-1], f"{heads[-1]} {_flow(value)}"]


def _nested(path: list[str], value: Any) -> str:  # noqa: ANN401
    """Groups and the value within one line."""
    text = _flow(value)
    for depth, part in enumerate(reversed(path)):
        text = f"{_flow(part)}: {text}" if depth == 0 else f"{_flow(part)}: {{{text}}}"
    return text


def _flow(value: Any) -> str:  # noqa: ANN401
    """A value as it is written within one line, in a list too, where a comma would end it."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text: str = yaml.safe_dump(
        [value],
        default_flow_style=True,
        default_style=style,
        width=_ENDLESS,
        allow_unicode=True,
        sort_keys=False,
    )
    return text.strip()[1:-1]
