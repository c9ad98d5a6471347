"""Published configurations, given to the stock classes of diffusers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TypeVar

Config = Mapping[str, object]
T = TypeVar("T")


def from_config(kind: type[T], config: Config, **changes: object) -> T:
    """A `kind` of what it knows of `config` and `changes`.

    Blocks are known by the stock names: "MV2D" in a published one is "2D" of several views.
    """
    known = inspect.signature(kind.__init__).parameters
    given = {**config, **changes}
    return kind(**{name: _stock_name(given[name]) for name in given if name in known})


def _stock_name(value: object) -> object:
    if isinstance(value, str):
        return value.replace("MV2D", "2D")
    return [_stock_name(each) for each in value] if isinstance(value, list | tuple) else value
