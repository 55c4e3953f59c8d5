"""Cuts the crops of a picture: one, three along the long side, or ten.

Ten crops have the order of the public I3D features: top left, top right, centre, bottom left,
bottom right, then these five mirrored.
"""

import dataclasses

import numpy as np
from jaxtyping import UInt8

from albar_jax.data import transforms
from albar_jax.errors import UserError
from albar_jax.features.feature_info import Crops

# Positions down and across, 0 to 1.
_CORNERS = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0))
_PLACES = (0.0, 0.5, 1.0)


@dataclasses.dataclass(frozen=True)
class View:
    """The crops of a picture.

    Attributes:
      crops: number of crops: 1 (centre), 3 or 10.
      size: height and width of a crop, in pixels.
      short_side: length of the short side after scaling, before the crop, in pixels.
      shape: "square" squashes pictures to a square before the crop; "keep" keeps their shape.

    Raises:
      UserError: the crop does not fit into the picture.
    """

    crops: Crops = 1
    size: int = 224
    short_side: int = 256
    shape: transforms.Shape = "keep"

    def __post_init__(self):
        if not 1 <= self.size <= self.short_side:
            raise UserError(
                f"--size is {self.size} and --short-side is {self.short_side}; the size has to be "
                "from 1 to the short side"
            )


class Cropper:
    """Cuts and resizes the crops of all pictures of a video, as evaluation does.

    Args:
      view: the crops.
    """

    def __init__(self, view: View):
        self._view = view
        self._is_mirrored = view.crops == 10
        # Boxes inside the box that `choose_box` returns.
        self._crops: list[transforms.Crop] = []

    def choose_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Returns the smallest box (top, left, height, width) that holds all crops."""
        crops = self._place(height, width)
        top = min(crop.top for crop in crops)
        left = min(crop.left for crop in crops)
        bottom = max(crop.top + crop.height for crop in crops)
        right = max(crop.left + crop.width for crop in crops)

        self._crops = []
        for crop in crops:
            moved = dataclasses.replace(crop, top=crop.top - top, left=crop.left - left)
            self._crops.append(moved)
        return top, left, bottom - top, right - left

    def cut(self, box: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "crops size size 3"]:
        """Returns the crops of a picture, given the box that `choose_box` has chosen."""
        size = self._view.size
        # The only crop is the whole box. The box may have been decoded at a reduced size.
        if self._view.crops == 1:
            return transforms.apply_crop(box[None], self._crops[0], size=size)

        pictures = []
        for crop in self._crops:
            inner = box[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
            pictures.append(transforms.apply_crop(inner[None], crop, size=size)[0])

        if self._is_mirrored:
            pictures += [picture[:, ::-1] for picture in pictures]
        return np.stack(pictures)

    def _place(self, height: int, width: int) -> list[transforms.Crop]:
        """Returns the crops of a picture, without the mirrored ones."""
        view = self._view
        spots = [(0.5, 0.5)]
        if view.crops == 3:
            spots = [(place, 0.5) if height > width else (0.5, place) for place in _PLACES]
        elif view.crops == 10:
            spots = [*_CORNERS]

        crops = []
        for spot in spots:
            crop = transforms.spot_crop(
                height,
                width,
                short_side=view.short_side,
                size=view.size,
                shape=view.shape,
                spot=spot,
            )
            crops.append(crop)
        return crops
