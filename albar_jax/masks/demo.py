"""Provides demonstration masks from a small network; for a first try, not for results.

MediaPipe's selfie segmentation (Apache-2.0, 250 kB) is made for one person near the camera. It
misses distant people and may mark objects. Benchmarks need masks of a tracker or of annotators. The
network is a file of the package mediapipe, which pip downloads on first use without installing it.
"""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from albar_jax.errors import UserError
from albar_jax.masks import wheel
from albar_jax.masks.base import Masks, OpenVideo, opened

MEDIAPIPE = wheel.Member(
    # Later versions lack the file.
    requirement="mediapipe==0.10.21",
    python="3.11",
    platform="manylinux_2_28_x86_64",
    name="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
)
INPUT = (256, 256)
THRESHOLD = 0.5
# Frames in memory at once.
CHUNK = 32


class DemoSource:
    """A segmentation network that is applied to each frame of a video separately."""

    def __init__(self, network: cv2.dnn.Net, open_video: OpenVideo):
        """Creates the source.

        Args:
          network: maps RGB images (1, 3, 256, 256) in 0..1 to the probability of a person
            (1, 1, h, w).
          open_video: opens the video with a given id.
        """
        self._network = network
        self._open_video = open_video

    def get(self, video: str) -> Masks:
        """Implements MaskSource. Every frame has a mask."""
        masks = []
        with opened(self._open_video, video) as frames:
            count = len(frames)
            for start in range(0, count, CHUNK):
                for frame in frames.read(range(start, min(start + CHUNK, count))):
                    masks.append(self._segment(frame))
        return Masks(np.stack(masks), np.arange(count))

    def _segment(self, frame: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
        self._network.setInput(cv2.dnn.blobFromImage(frame, 1 / 255, INPUT))
        # The network has a fixed input size, so its output is resized to the frame.
        probability = self._network.forward()[0, 0]

        height, width = frame.shape[:2]
        return cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR) > THRESHOLD


def make(location: str, open_video: OpenVideo) -> DemoSource:
    """Opens the network; downloads it on first use.

    Args:
      location: must be empty.
      open_video: opens the video with a given id.

    Raises:
      UserError: `location` is not empty, or the download fails.
    """
    if location:
        raise UserError(
            f"demo segments the videos themselves and reads nothing from {location!r}; write only "
            "demo"
        )
    return DemoSource(cv2.dnn.readNetFromTFLite(str(wheel.cached(MEDIAPIPE))), open_video)
