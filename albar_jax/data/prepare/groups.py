"""Derives the source of a clip from the naming schemes of UCF101, HMDB51 and Kinetics.

v_<class>_g<group>_c<clip>                                  UCF101: clips of a group are cut from
                                                            one video
<film>_<action>_<f,h,l,u>_<cm,nm>_np<n>_<view>_<quality>_<n>   HMDB51: clips of one film, whatever
                                                            the action
<YouTube id>_<start>_<end>                                  Kinetics: clips of one video
"""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from albar_jax.data.prepare.base import Item, stem

_UCF101 = re.compile(r"v_(?P<source>.+_g[0-9]+)_c[0-9]+")
_KINETICS = re.compile(r"(?P<source>[\w-]{11})_[0-9]{6}_[0-9]{6}", re.ASCII)
_HMDB51 = re.compile(
    r"(?P<source>.+)_[fhlu]_(cm|nm)_np[0-9]+_(ba|fr|le|ri)_(bad|med|goo)_[0-9]+",
    re.ASCII | re.IGNORECASE,
)
# The actions of HMDB51. The action in a file name may differ from its folder's name. The longest
# match counts, because "climb" is part of "climb_stairs".
_ACTION_NAMES = """
    brush_hair cartwheel catch chew clap climb climb_stairs dive draw_sword dribble drink eat
    fall_floor fencing flic_flac golf handstand hit hug jump kick kick_ball kiss laugh pick pour
    pullup punch push pushup ride_bike ride_horse run shake_hands shoot_ball shoot_bow shoot_gun
    sit situp smile smoke somersault stand swing_baseball sword sword_exercise talk throw turn walk
    wave
"""
_ACTIONS = tuple(_ACTION_NAMES.split())


def source_of(path: str, label: str = "") -> str:
    """Returns the source of a clip, derived from its name.

    Args:
      path: path of the clip.
      label: class of the clip, needed for names of HMDB51.

    Returns:
      A name that clips of the same source share; "" if the name follows none of the schemes.
    """
    # The file may be <clip>.avi.zip.
    name = stem(stem(PurePosixPath(path).name))

    if match := _UCF101.fullmatch(name) or _KINETICS.fullmatch(name):
        return match["source"]
    if match := _HMDB51.fullmatch(name):
        return _film(match["source"], (label, *_ACTIONS))
    return ""


def with_groups(items: Iterable[Item]) -> list[Item]:
    """Adds groups to items; an item that has a group keeps it."""
    grouped = []
    for item in items:
        if not item.group:
            item = dataclasses.replace(item, group=source_of(item.path, item.label))
        grouped.append(item)
    return grouped


def _film(name: str, actions: Iterable[str]) -> str:
    """Removes the longest action at the end of `<film>_<action>`."""
    lengths = []
    for action in actions:
        if action and name.lower().endswith(f"_{action.lower()}"):
            lengths.append(len(action))
    if not lengths:
        return name
    return name[: -1 - max(lengths)]
