"""The base of every configuration and specification: immutable values that refuse unknown keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError

_BOOLEAN: Final = "tag:yaml.org,2002:bool"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_MOST_CHARACTERS: Final = 1_000_000
_MOST_NODES: Final = 100_000
"""Values of a document once its aliases and merges are written out. The largest preset has two hundred."""
_MOST_LEVELS: Final = 50


class Strict(BaseModel):
    """A frozen model that refuses unknown keys. Building one loads nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def from_mapping(cls, values: dict[str, Any], *, where: str) -> Self:
        """Validate `values`.

        Raises:
            ConfigError: names the key, what is wrong with it, and the nearest known key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_explain(cls, error), where=where) from error

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read a YAML file. Raises ConfigError when it is absent, no mapping, or not valid."""
        return cls.from_mapping(read_mapping(path), where=str(path))


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are true and false, and in which a date is text, as in YAML 1.2.

    PyYAML reads `on`, `off`, `yes` and `no` as booleans too, so `language: no` was not Norwegian, and a key
    called `on` was True.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {_BOOLEAN, _TIMESTAMP}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read_yaml(text: str) -> Any:  # noqa: ANN401  (whatever the text says)
    """Read one YAML document; only true and false are booleans.

    Raises:
        yaml.YAMLError: it is not YAML, a value is none of its type, or the document is larger or deeper than
            a configuration can be. A few lines of aliases can stand for millions of values.
    """
    if len(text) > _MOST_CHARACTERS:
        raise yaml.YAMLError(f"the document is longer than {_MOST_CHARACTERS} characters.")
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _check_size(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise yaml.YAMLError("values are nested too deeply.") from error
    except ValueError as error:  # a number of thousands of digits, a date that there is not
        raise yaml.YAMLError(f"a value cannot be read ({error}).") from error


def _check_size(root: yaml.Node) -> None:
    """Refuse what would become too large or too deep, before aliases and merges are written out.

    Raises:
        yaml.YAMLError: it would.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node, level: int) -> int:
        if level > _MOST_LEVELS or id(node) in open_nodes:
            raise yaml.YAMLError("values are nested too deeply.")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(part, level + 1) for part in _parts(node))
            open_nodes.remove(id(node))
        if sizes[id(node)] > _MOST_NODES:
            raise yaml.YAMLError(f"there are more than {_MOST_NODES} values.")
        return sizes[id(node)]

    size(root, 0)


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file; an empty one is an empty mapping.

    Raises:
        ConfigError: it is absent, no YAML or no mapping.
    """
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}).", where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not YAML: {error}", where=str(path)) from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError("is not a mapping of keys to values.", where=str(path))
    return values


def with_overrides(values: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Apply `a.b=c` assignments, values read as YAML, to a copy of nested `values`.

    Raises:
        ConfigError: an assignment has no `=`, walks through something that is no mapping, or its value is
            not YAML.
    """
    result = _copy(values)
    for assignment in overrides:
        dotted, equals, text = assignment.partition("=")
        if not equals or not dotted:
            raise ConfigError(f"--set {assignment!r} is not of the form a.b=value.")
        *parents, last = dotted.split(".")
        node = result
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                raise ConfigError(f"--set {assignment!r}: {parent} is a value, not a group of keys.")
            node = child
        try:
            node[last] = read_yaml(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {assignment!r}: the value is not YAML: {error}") from error
    return result


def _copy(values: dict[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, dict) else v for k, v in values.items()}


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(cls), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            lines.append(f"unknown key {key}.{hint}")
        else:
            lines.append(f"{key}: {_said(problem)}.")
    return " ".join(lines)


def _said(problem: Mapping[str, object]) -> str:
    """What is wrong with a value, for people: no regular expression, no class of Python."""
    if problem["type"] == "string_pattern_mismatch":
        return f"{problem['input']!r} is no value for this key"
    return str(problem["msg"]).removeprefix("Value error, ")


def _known_keys(cls: type[BaseModel]) -> list[str]:
    keys: list[str] = []
    for name, info in cls.model_fields.items():
        keys.append(name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys.extend(_known_keys(info.annotation))
    return keys
