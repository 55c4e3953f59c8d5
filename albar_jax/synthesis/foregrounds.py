"""Reads the masks of a video's actor from a source and applies a set of rules to them."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Bool, Int

from albar_jax import masks
from albar_jax.data import deadline
from albar_jax.data.decode import Video, open_video
from albar_jax.data.reading import Size
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.masks.rules import MaskRules, apply
from albar_jax.storage.budget import DEFAULT


@dataclasses.dataclass(frozen=True)
class Foregrounds:
    """A source of masks with the rules for their use.

    The source is opened on first use, in the process that uses it.

    Attributes:
      spec: the source as written on the command line; see `albar_jax.masks`. "{folder}" in it
        is replaced by `folder`.
      rules: rules for the masks.
      folder: folder of the set's manifest. So masks stored next to the manifest are found even
        after the whole folder has moved.
    """

    spec: str
    rules: MaskRules = MaskRules()
    folder: str = "."
    # Paths of the videos whose masks are being read, for sources that need the video itself.
    _paths: dict[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def check(self) -> None:
        """Checks that the source exists. Raises UserError if it does not."""
        self._open_source()

    def masks_of(
        self, name: str, path: str, size: Size
    ) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
        """Returns the masks of a video.

        Args:
          name: id of the video.
          path: path of the video.
          size: (frames, height, width) of the video.

        Returns:
          masks: bool (N, H, W).
          frame_ids: the frames of the masks, from 0, int (N,), ascending.

        Raises:
          NoMask: the video has no usable masks.
        """
        # Sources ask for videos by id.
        self._paths[name] = path
        try:
            source = self._source
            read = deadline.call(lambda: source.get(name), DEFAULT.seconds, f"the masks of {name}")
        # Damaged masks of one video do not affect the other videos.
        except (UserError, deadline.LateError) as error:
            raise NoMask(str(error)) from error
        except MemoryError as error:
            raise NoMask("its masks are more than the memory holds") from error
        finally:
            del self._paths[name]

        usable, frame_ids = apply(read, self.rules, *size)
        if not len(frame_ids):
            raise NoMask("no frame is left of it")
        return usable, frame_ids

    def notes(self) -> list[str]:
        """Returns lines for the summary of a set made with these masks."""
        if not masks.is_demonstration(self.spec):
            return []
        return ["note: the masks of demo are a demonstration, for a first try and not for results"]

    @functools.cached_property
    def _source(self) -> masks.MaskSource:
        return self._open_source()

    def _open_source(self) -> masks.MaskSource:
        return masks.open_source(self.spec.replace("{folder}", self.folder), self._open)

    def _open(self, name: str) -> Video:
        return open_video(self._paths[name])


def rules_to_text(rules: MaskRules) -> str:
    """Formats mask rules as text.

    Returns:
      The rules that differ from the default, for example "smooth_frames=1 min_area=0.1"; "default"
      if none differs.
    """
    words = []
    for field in dataclasses.fields(MaskRules):
        value = getattr(rules, field.name)
        if value != field.default:
            words.append(f"{field.name}={value}")
    return " ".join(words) or "default"


def rules_from_text(text: str) -> MaskRules:
    """Parses the text of `rules_to_text`.

    Args:
      text: the text; empty text means the default rules.

    Raises:
      UserError: the text is malformed.
    """
    if text in ("", "default"):
        return MaskRules()

    # The types of the defaults parse the values.
    types = {field.name: type(field.default) for field in dataclasses.fields(MaskRules)}
    try:
        values = {}
        for word in text.split():
            name, _, value = word.partition("=")
            values[name] = types[name](value)
        return MaskRules(**values)
    except UserError as error:
        raise UserError(f"{text[:200]!r} are not mask rules: {error}") from None
    except (KeyError, ValueError, OverflowError):
        raise UserError(
            f"{text[:200]!r} are not mask rules such as smooth_frames=1 min_area=0.1"
        ) from None
