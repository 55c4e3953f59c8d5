"""Opens single pictures with PIL, within limits."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import IO, cast

from PIL import Image

from albar_jax.data.readers import png
from albar_jax.storage.budget import MAX_PIXELS, BudgetError, check_picture
from albar_jax.storage.seekable import SeekableFile

# PIL warns above this number of pixels and refuses twice as many. `open_picture` refuses everything
# above it with a message that names the size, so PIL's warning is not needed.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Errors of `open_picture` and of decoding the picture. BudgetError is a ValueError.
PICTURE_ERRORS = (OSError, ValueError, SyntaxError)


@contextlib.contextmanager
def open_picture(file: SeekableFile, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """Opens a picture in one of the given formats; reads only its header.

    Args:
      file: seekable file.
      formats: names of PIL's formats, such as "PNG".

    Raises:
      BudgetError: it has more pixels than allowed, or a chunk of a PNG claims more bytes than the
        file has.
      OSError, ValueError, SyntaxError: it is damaged or has another format; see PICTURE_ERRORS.
    """
    png.check_chunks(file)

    try:
        # PIL needs only the methods of SeekableFile, whatever its annotation says.
        with Image.open(cast(IO[bytes], file), formats=formats) as image:
            check_picture(image.height, image.width)
            yield image
    except Image.DecompressionBombError as error:
        raise BudgetError(f"it has too many pixels; the limit is {MAX_PIXELS:,}") from error
