"""Dataclasses to and from JSON values, strictly: anything unknown, missing or mistyped is an error.

Knows str, int, float, bool, None, enums, dataclasses, `X | None`, `tuple[X, ...]`, `dict[K, V]` and
`object` (any JSON value). Blender's Python has no pydantic, and both ends must agree.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeVar, cast

from .problems import InvalidRequest

T = TypeVar("T")


def to_json(value: object) -> object:
    """Turn a dataclass (or any value it may hold) into plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(to_json(key)): to_json(item) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in cast("Sequence[object]", value)]
    return value


def from_json(kind: type[T], data: object, where: str = "request") -> T:
    """Build a `kind` from JSON values; `where` names the place in error messages.

    Raises:
        InvalidRequest: a member is unknown, missing or of the wrong type.
    """
    return cast("T", _decode(kind, data, where))


def _decode(kind: object, data: object, where: str) -> object:
    if kind is object:
        return data
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _decode_optional(typing.get_args(kind), data, where)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind)[0], data, where)
    if origin is dict:
        return _decode_dict(typing.get_args(kind), data, where)
    if isinstance(kind, type):
        return _decode_class(kind, data, where)
    raise TypeError(f"{where}: {kind!r} has no JSON form")


def _decode_optional(options: tuple[object, ...], data: object, where: str) -> object:
    if data is None and type(None) in options:
        return None
    (kind,) = [option for option in options if option is not type(None)]
    return _decode(kind, data, where)


def _decode_tuple(item_kind: object, data: object, where: str) -> object:
    if not isinstance(data, (list, tuple)):
        raise _mistyped(where, "a list", data)
    items = cast("Sequence[object]", data)
    return tuple(_decode(item_kind, item, f"{where}[{i}]") for i, item in enumerate(items))


def _decode_dict(kinds: tuple[object, ...], data: object, where: str) -> object:
    if not isinstance(data, Mapping):
        raise _mistyped(where, "an object", data)
    items = cast("Mapping[object, object]", data).items()
    return {
        _decode(kinds[0], key, where): _decode(kinds[1], item, f"{where}.{key}")
        for key, item in items
    }


def _decode_class(kind: type[object], data: object, where: str) -> object:
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    if issubclass(kind, Enum):
        return _decode_enum(kind, data, where)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError as error:
            raise InvalidRequest(f"{where} is too large.", "Send a smaller number.") from error
    if type(data) is not kind:
        raise _mistyped(where, kind.__name__, data)
    return data


def _decode_dataclass(kind: type, data: object, where: str) -> object:
    if not isinstance(data, Mapping):
        raise _mistyped(where, "an object", data)
    members = cast("Mapping[str, object]", data)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if unknown := sorted(set(members) - set(fields)):
        raise InvalidRequest(
            f"{where} has no member named {unknown[0]!r}.",
            f"It knows: {', '.join(fields)}.",
        )
    required = {n for n, f in fields.items() if _has_no_default(f)}
    if missing := sorted(required - set(members)):
        raise InvalidRequest(f"{where} lacks {missing[0]!r}.", "Add it and send it again.")
    hints = typing.get_type_hints(kind)
    values = {n: _decode(hints[n], value, f"{where}.{n}") for n, value in members.items()}
    return kind(**values)


def _has_no_default(field: dataclasses.Field[object]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _decode_enum(kind: type[Enum], data: object, where: str) -> Enum:
    try:
        return kind(data)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InvalidRequest(f"{where} is {data!r}.", f"It must be one of: {known}.") from None


def _mistyped(where: str, expected: str, data: object) -> InvalidRequest:
    return InvalidRequest(f"{where} must be {expected}, not {data!r}.")
