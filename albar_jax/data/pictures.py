"""Opens single pictures with PIL, within limits."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from PIL import Image

from albar_jax.budget import MAX_PIXELS, BudgetError, check_picture
from albar_jax.data.readers import png

# PIL warns from this many pixels on, and refuses twice as many. Between the two `open_picture` refuses, in words that
# name the size; no warning is needed besides.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@contextlib.contextmanager
def open_picture(file: BinaryIO, formats: Sequence[str]) -> Iterator[Image.Image]:
    """Opens a picture of one of PIL's formats; only its header is read yet.

    Raises:
      BudgetError: it has more pixels than allowed, or a chunk of a PNG claims more bytes than there are.
      OSError, ValueError, SyntaxError: it is damaged or of another format.
    """
    png.check_chunks(file)
    try:
        with Image.open(file, formats=formats) as image:
            check_picture(image.height, image.width)
            yield image
    except Image.DecompressionBombError as error:
        raise BudgetError(f"it has too many pixels; {MAX_PIXELS:,} are the most") from error
