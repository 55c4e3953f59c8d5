"""Checks which of the annotated videos have features."""

from collections.abc import Sequence

from albar_jax.errors import UserError
from albar_jax.features.feature_set import FeatureSet
from albar_jax.schema.changes import listed

# Names in a message.
NAMED = 3


def name_videos(names: Sequence[str]) -> str:
    """Returns the number of videos and the first names, as in "5 videos (a, b, c and 2 more)"."""
    noun = "video" if len(names) == 1 else "videos"
    return f"{len(names)} {noun} ({listed(names, NAMED)})"


def check_test_videos(names: Sequence[str], features: FeatureSet) -> None:
    """Raises UserError if there are no test videos, or if one has no features.

    The originals drop such a video silently, and TriDet still counts its segments.

    Args:
      names: ids of the test videos.
      features: the features.
    """
    if not names:
        raise UserError(
            "the annotations have no test videos, so the head could not be tested; add them with "
            "the split test"
        )

    missing = [name for name in names if name not in features.videos]
    if missing:
        unreadable = sum(name in features.unreadable for name in missing)
        raise UserError(
            f"{features.folder} has no features of {name_videos(missing)} of the test split, "
            f"{unreadable} of them unreadable; make their features, or leave the videos out of the "
            "annotations"
        )


def left_out_note(names: Sequence[str]) -> str:
    """Returns the note about training videos without features."""
    return f"left out of the training, because they have no features: {name_videos(names)}"
