"""Claim: clips of both protocols have the right frames of real films, displayed correctly."""

import barcode
import numpy as np
import pytest
from barcode import numbers

from albar_jax.data.clip_reader import ClipSpec, cut_clip, read_clip
from albar_jax.data.decode import open_video

NAMES = ["xvid_bframes.avi", "h264_open_gop.mp4", "vp9.webm"]
# As large as the films, so that their barcodes can be read.
SPEC = ClipSpec(
    num_frames=32,
    size=barcode.HEIGHT,
    short_side=barcode.HEIGHT,
    augment="none",
    place=0.0,
    time=0.5,
)


@pytest.mark.parametrize("name", NAMES)
def test_a_short_film_loops_at_its_stride_or_is_stretched(films, name):
    with open_video(str(films / name)) as video:
        count = len(video)
    # The clip is too long for this film, except at stride 1 or 2.
    stride = count // 32 + 1
    spec = ClipSpec(**{**vars(SPEC), "stride": stride})
    looped = ClipSpec(**{**vars(spec), "short": "loop", "starts": "inclusive"})
    assert numbers(read_clip(str(films / name), looped, None)) == [
        (stride * i) % count for i in range(32)
    ]
    start = max(0, int(0.5 * (count - 32)))
    stretched = [min(start + i, count - 1) for i in range(32)]
    assert numbers(read_clip(str(films / name), spec, None)) == stretched


@pytest.mark.parametrize("name", NAMES)
def test_the_masks_of_a_looped_clip_are_asked_for_its_frames(films, name):
    spec = ClipSpec(**{**vars(SPEC), "stride": 9, "short": "loop"})
    clip, cut = cut_clip(str(films / name), spec, np.random.default_rng(0))
    assert cut.frames.tolist() == numbers(clip)
    assert cut.frames.max() < cut.count


def test_a_squashed_film_is_seen_whole(films):
    """The film has 160 x 112 pixels. The usual centre crop shows 70 % of its width."""
    spec = ClipSpec(**{**vars(SPEC), "shape": "square", "place": 0.5})
    _, cut = cut_clip(str(films / NAMES[0]), spec, np.random.default_rng(0))
    assert cut.crop.box == (0, 0, barcode.HEIGHT, barcode.WIDTH)
    _, unsquashed = cut_clip(
        str(films / NAMES[0]), ClipSpec(**{**vars(spec), "shape": "keep"}), np.random.default_rng(0)
    )
    assert unsquashed.crop.box == (0, 24, barcode.HEIGHT, barcode.HEIGHT)
