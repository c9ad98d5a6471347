"""When a file is saved, the catalogs of its Splatsmith assets are written beside it."""

from __future__ import annotations

import logging

import bpy
from bpy.app.handlers import persistent

from .. import api

log = logging.getLogger(__name__)


@persistent
def define_catalogs(_path: str) -> None:
    for note in api.define_asset_catalogs():
        log.warning(note)


def register() -> None:
    bpy.app.handlers.save_post.append(define_catalogs)


def unregister() -> None:
    bpy.app.handlers.save_post.remove(define_catalogs)
