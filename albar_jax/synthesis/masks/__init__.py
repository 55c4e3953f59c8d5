"""Where the person is in a video, from whatever masks there are: one small file per source, named in `SOURCES`.

A source is written as on the command line, `name:where[?option=value[&option=value]]`; `a+b` is the union of two:

    jhmdb:DIR                      JHMDB's puppet masks, DIR/<class>/<video>/puppet_mask.mat
    tubes:FILE.pkl[?boxes=union]   the boxes of UCF101-24; boxes=first, as published, takes one box of a frame
    png:DIR[?ids=1,2][&first=1]    a folder of numbered .png per video
    npz:DIR                        a file of arrays per video
    rle:FILE.json or DIR           run-length codes of COCO or SAM 2
    boxes:FILE.csv                 video,frame,x1,y1,x2,y2[,score]
    demo                           a small segmenter for a first try, not for results
"""

from collections.abc import Callable

from albar_jax.errors import UserError
from albar_jax.synthesis.masks.base import Masks, MaskSource, NoMask, OpenVideo

__all__ = ["SOURCES", "MaskSource", "Masks", "NoMask", "OpenVideo", "open_source"]

# The keyword-only parameters of each are its options and their defaults.
SOURCES: dict[str, Callable[..., MaskSource]] = {}


def open_source(spec: str, open_video: OpenVideo) -> MaskSource:
    """Opens the masks that `spec` names; raises UserError for a spec that is wrong or a place that is not there.

    Args:
      spec: as on the command line, see above.
      open_video: opens the video with a given id, for the sources that need it.
    """
    raise UserError(f"no source of masks is called {spec!r}")
