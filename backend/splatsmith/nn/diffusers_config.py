"""Construct diffusers classes from published configurations."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TypeVar

Config = Mapping[str, object]
T = TypeVar("T")


def from_config(cls: type[T], config: Config, **overrides: object) -> T:
    """Construct `cls` from those entries of `config` and `overrides` that its constructor takes.

    Block names of multi-view forks ("...MV2D") become diffusers' own ("...2D").
    """
    parameters = inspect.signature(cls.__init__).parameters
    values = {**config, **overrides}
    return cls(**{name: _block_names(values[name]) for name in values if name in parameters})


def _block_names(value: object) -> object:
    if isinstance(value, str):
        return value.replace("MV2D", "2D")
    return [_block_names(item) for item in value] if isinstance(value, list | tuple) else value
