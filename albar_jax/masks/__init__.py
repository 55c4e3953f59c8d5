"""Reads masks of the person in a video from several formats.

A source is written as on the command line, `name:location[?option=value[&option=value]]`. `a+b` is
the union of two sources.

    jhmdb:DIR       JHMDB's outlines, DIR/[puppet_mask/]<video id>/puppet_mask.mat
    tubes:FILE.pkl  boxes of UCF101-24; boxes=union uses all boxes of a frame, not only the first as
                    published
    png:DIR         images, DIR/<video id>/<number>.png; ids=1,2 selects objects, first=0 or 1 is
                    the number of the first frame, above=128 selects values above 128;
                    png:FILE.csv lists id,path: the folder of each video
    npz:DIR         arrays, DIR/<video id>.npz
    rle:FILE.json   run-length codes in the format of COCO or YouTube-VIS; ids=1,2 selects
                    categories, first as for png
    boxes:FILE.csv  video,frame,x1,y1,x2,y2[,score]; min_score=0.5 selects boxes, first as for png,
                    by default 0
    demo            a small segmentation network, for a first try and not for results

The video id is the id in the manifest. {folder} in a DIR or FILE is replaced by the folder of the
new manifest. The modules albar_jax/masks/<name>.py describe the contents of the files.
"""

import inspect
import re
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.masks import boxes, demo, jhmdb, npz, png, rle, tubes
from albar_jax.masks.base import Masks, MaskSource, NoMask, OpenVideo
from albar_jax.masks.union import UnionSource
from albar_jax.terminal.specs import parse_query

__all__ = [
    "SOURCES",
    "MaskSource",
    "Masks",
    "NoMask",
    "OpenVideo",
    "is_demonstration",
    "open_source",
]

# The keyword-only parameters of each `make` are the source's options, as text, with their defaults.
SOURCES: dict[str, Callable[..., MaskSource]] = {
    "jhmdb": jhmdb.make,
    "tubes": tubes.make,
    "png": png.make,
    "npz": npz.make,
    "rle": rle.make,
    "boxes": boxes.make,
    "demo": demo.make,
}

# A "+" separates sources only if a source's name follows, because names of folders may contain one.
_PLUS = re.compile(rf"\+(?=(?:{'|'.join(SOURCES)})(?:[:+]|$))")


def open_source(spec: str, open_video: OpenVideo) -> MaskSource:
    """Opens a source of masks.

    Open it in the process that uses it. A file with the masks of all videos is read now; files of
    single videos are read on request.

    Args:
      spec: the source as written on the command line; see the module.
      open_video: opens the video with a given id. Some sources need the size of its frames, and
        demo needs their pixels.

    Raises:
      UserError: the text is malformed, or the file or folder does not exist.
    """
    sources = [_open_one(part, open_video) for part in _PLUS.split(spec)]
    if len(sources) == 1:
        return sources[0]
    return UnionSource(sources, open_video)


def is_demonstration(spec: str) -> bool:
    """Returns whether a source includes the demonstration network."""
    return "demo" in _PLUS.split(spec)


def _open_one(spec: str, open_video: OpenVideo) -> MaskSource:
    """Opens a source without a union."""
    # A location may contain colons, so only the first one separates.
    name, _, rest = spec.partition(":")
    if name not in SOURCES:
        raise UserError(
            f"{spec!r} names no source of masks; write one of {', '.join(SOURCES)}, such as "
            "png:DIR?ids=1"
        )

    location, _, query = rest.partition("?")
    return SOURCES[name](location, open_video, **_parse_options(spec, name, query))


def _parse_options(spec: str, name: str, query: str) -> dict[str, str]:
    """Parses the options of a source, `option=value&option=value`.

    Args:
      spec: the whole source, for messages.
      name: name of the source.
      query: text of the options.

    Raises:
      UserError: an option is unknown or has no value.
    """
    # The signature of `make` is the only list of a source's options.
    available = []
    for parameter in inspect.signature(SOURCES[name]).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            available.append(parameter.name)
    return parse_query(spec, name, query, available)
