"""Puts a bird before another scenery as group_DRO does, to the pixel. (dataset_scripts/dataset_utils.py)"""

import numpy as np
from PIL import Image


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cuts and resizes a picture to (width, height), keeping its shape; a smaller one is enlarged first.

    Sides are truncated to whole pixels, so what is cut may be a pixel off the centre or the shape, as published. Where
    truncation leaves both ways of enlarging a pixel short, the published code stops at an assertion; here it is that
    pixel larger.
    """
    width, height = size
    if picture.width < width or picture.height < height:
        enlarged = width, int(width / picture.width * picture.height)
        if enlarged[1] < height:
            enlarged = max(width, int(height / picture.height * picture.width)), height
        picture = picture.resize(enlarged, Image.Resampling.LANCZOS)
    shape = width / height
    if picture.width / picture.height > shape:
        left = (picture.width - int(shape * picture.height)) // 2
        box = (left, 0, picture.width - left, picture.height)
    else:
        top = (picture.height - int(picture.width / shape)) // 2
        box = (0, top, picture.width, picture.height - top)
    return picture.crop(box).resize(size, Image.Resampling.LANCZOS)


def paste(bird: np.ndarray, segmentation: np.ndarray, scenery: np.ndarray) -> np.ndarray:
    """Blends two pictures, uint8 (H, W, 3), by the segmentation, uint8 (H, W, 3), 255 where the bird is.

    Each part is rounded by itself, as published; their sum stays within 255.
    """
    share = segmentation / 255
    return np.around(bird * share).astype(np.uint8) + np.around(scenery * (1 - share)).astype(
        np.uint8
    )
