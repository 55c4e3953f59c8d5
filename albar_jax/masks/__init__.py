"""Where the person is in a video, from whatever masks there are.

A source is written as on the command line, `name:where[?option=value[&option=value]]`, and `a+b` is the union of two:

    jhmdb:DIR       JHMDB's outlines, DIR/[puppet_mask/]<video id>/puppet_mask.mat
    tubes:FILE.pkl  the boxes of UCF101-24; boxes=union takes all of a frame, not the first alone as published
    png:DIR         pictures, DIR/<video id>/<number>.png; ids=1,2 chooses objects, first=0 or 1 says how they count
    npz:DIR         arrays, DIR/<video id>.npz
    rle:FILE.json   run-length codes of COCO's or YouTube-VIS's kind; ids=1,2 chooses categories, first as for png
    boxes:FILE.csv  video,frame,x1,y1,x2,y2[,score]; min_score=0.5 chooses, first as for png, 0 where it is not said
    demo            a small segmenter, for a first try and not for results

The video id is that of the manifest. {folder} in a DIR or FILE stands for the folder of the manifest that is made. What
the files of a source hold is said in albar_jax/masks/<name>.py.
"""

import inspect
import re
from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.masks import boxes, demo, jhmdb, npz, png, rle, tubes
from albar_jax.masks.base import Masks, MaskSource, NoMask, OpenVideo
from albar_jax.masks.union import UnionSource

__all__ = [
    "SOURCES",
    "MaskSource",
    "Masks",
    "NoMask",
    "OpenVideo",
    "is_demonstration",
    "open_source",
]

# The keyword-only parameters of each `make` are the source's options, as text, and their defaults.
SOURCES: dict[str, Callable[..., MaskSource]] = {
    "jhmdb": jhmdb.make,
    "tubes": tubes.make,
    "png": png.make,
    "npz": npz.make,
    "rle": rle.make,
    "boxes": boxes.make,
    "demo": demo.make,
}

# A + only where a source follows it: folders may have one in their names.
_PLUS = re.compile(rf"\+(?=(?:{'|'.join(SOURCES)})(?:[:+]|$))")


def open_source(spec: str, open_video: OpenVideo) -> MaskSource:
    """Opens the masks that `spec` names; raises UserError for a spec that is wrong or a place that is not there.

    Open it in the process that uses it. Files that hold the masks of all videos are read now, others as they are asked
    for.

    Args:
      spec: as on the command line, see above.
      open_video: opens the video with a given id. Some sources need the size of its frames, and demo its pixels.
    """
    sources = [_open_one(part, open_video) for part in _PLUS.split(spec)]
    return sources[0] if len(sources) == 1 else UnionSource(sources, open_video)


def is_demonstration(spec: str) -> bool:
    """Whether any of the masks that `spec` names are those of the demonstration."""
    return "demo" in _PLUS.split(spec)


def _open_one(spec: str, open_video: OpenVideo) -> MaskSource:
    name, _, rest = spec.partition(":")
    if name not in SOURCES:
        raise UserError(
            f"{spec!r} names no source of masks; write one of {', '.join(SOURCES)}, such as png:DIR?ids=1"
        )
    location, _, query = rest.partition("?")
    parameters = inspect.signature(SOURCES[name]).parameters.values()
    known = [
        parameter.name
        for parameter in parameters
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    for option, _, value in pairs:
        if option not in known or not value:
            choice = f"write {'=... or '.join(known)}=..." if known else "it has none"
            raise UserError(
                f"{spec!r}: {option!r} is no option of {name}, or has no value; {choice}"
            )
    return SOURCES[name](location, open_video, **{option: value for option, _, value in pairs})
