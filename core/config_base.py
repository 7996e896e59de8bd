"""The base of every configuration and specification: frozen, and deaf to no misspelling."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigError

_BOOLEAN = "tag:yaml.org,2002:bool"


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
    """YAML whose only booleans are true and false, as in YAML 1.2.

    PyYAML reads `on`, `off`, `yes` and `no` as booleans too, so `language: no` was not Norwegian, and a key
    called `on` was True.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOLEAN, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read_yaml(text: str) -> Any:  # noqa: ANN401  (whatever the text says)
    """Read one YAML document; only true and false are booleans. Raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # a safe loader


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
            lines.append(f"{key}: {problem['msg']}.")
    return " ".join(lines)


def _known_keys(cls: type[BaseModel]) -> list[str]:
    keys: list[str] = []
    for name, info in cls.model_fields.items():
        keys.append(name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys.extend(_known_keys(info.annotation))
    return keys
