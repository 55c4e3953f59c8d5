"""Replaces the scenery behind a bird with the pixels that group_DRO's program computes.

Reference: dataset_scripts/dataset_utils.py of https://github.com/kohpangwei/group_DRO.
"""

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Crops and resizes an image to a size without changing its aspect ratio.

    An image smaller than `size` is enlarged first. Sides are truncated to whole pixels, as in the
    published code. The crop may therefore be one pixel off the centre or off the aspect ratio. The
    published code fails an assertion if truncation leaves both ways to enlarge an image one pixel
    short. Here the image is made one pixel larger.

    Args:
      picture: the image.
      size: (width, height) of the result.
    """
    width, height = size
    if picture.width < width or picture.height < height:
        # The first try keeps the width, the second one the height.
        enlarged = width, int(width / picture.width * picture.height)
        if enlarged[1] < height:
            enlarged = max(width, int(height / picture.height * picture.width)), height
        picture = picture.resize(enlarged, Image.Resampling.LANCZOS)

    # The longer side is cropped at both ends.
    shape = width / height
    if picture.width / picture.height > shape:
        left = (picture.width - int(shape * picture.height)) // 2
        box = (left, 0, picture.width - left, picture.height)
    else:
        top = (picture.height - int(picture.width / shape)) // 2
        box = (0, top, picture.width, picture.height - top)

    return picture.crop(box).resize(size, Image.Resampling.LANCZOS)


def paste(
    bird: UInt8[np.ndarray, "h w 3"],
    segmentation: UInt8[np.ndarray, "h w 3"],
    scenery: UInt8[np.ndarray, "h w 3"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Blends a bird and a scenery.

    Args:
      bird: image of the bird, uint8 (H, W, 3).
      segmentation: coverage by the bird, uint8 (H, W, 3), 255 where the bird is.
      scenery: image of the scenery, uint8 (H, W, 3).

    Returns:
      The blend, uint8 (H, W, 3). Both terms are rounded separately, as in the published code; their
      sum is at most 255.
    """
    share = segmentation / 255
    # Rounding the sum instead would change pixels.
    foreground = np.around(bird * share).astype(np.uint8)
    background = np.around(scenery * (1 - share)).astype(np.uint8)
    return foreground + background
