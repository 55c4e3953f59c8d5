"""The masks of a video's actor, as one source and one set of rules give them."""

import dataclasses
import functools

import numpy as np

from albar_jax import masks
from albar_jax.data import deadline
from albar_jax.data.decode import Video, open_video
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.masks.rules import MaskRules, apply
from albar_jax.storage.budget import DEFAULT
from albar_jax.synthesis.reading import Size


@dataclasses.dataclass(frozen=True)
class Foregrounds:
    """A source of masks, as typed on the command line, and what is done with its masks.

    It is opened at the first use, in the process that uses it. "{folder}" in `spec` is `folder`, that of the
    set's manifest, so that masks beside it are found wherever the whole is moved.
    """

    spec: str
    rules: MaskRules = MaskRules()
    folder: str = "."
    _paths: dict[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def check(self) -> None:
        """Raises UserError if there is no such source."""
        self._open_source()

    def of(self, name: str, path: str, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """Returns masks, bool (N, H, W), of the video called `name` at `path`, and which frames they are, int (N,).

        Raises NoMask if there are none to be used.
        """
        self._paths[name] = path
        try:
            source = self._source
            found = deadline.call(lambda: source.get(name), DEFAULT.seconds, f"the masks of {name}")
        # Damaged masks of one video do not affect the other videos.
        except (UserError, deadline.LateError) as error:
            raise NoMask(str(error)) from error
        except MemoryError as error:
            raise NoMask("its masks are more than the memory holds") from error
        finally:
            del self._paths[name]
        kept, frames = apply(found, self.rules, *size)
        if not len(frames):
            raise NoMask("no frame is left of it")
        return kept, frames

    def notes(self) -> list[str]:
        """Lines to print of what was made with these masks."""
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
    """Writes the rules that differ from the default, as `smooth_frames=1 min_area=0.1`; "default" if none does."""
    fields = [
        (field.name, getattr(rules, field.name), field.default)
        for field in dataclasses.fields(MaskRules)
    ]
    return (
        " ".join(f"{name}={value}" for name, value, default in fields if value != default)
        or "default"
    )


def rules_from_text(text: str) -> MaskRules:
    """Reads what `rules_to_text` writes; raises UserError for anything else."""
    kind = {field.name: type(field.default) for field in dataclasses.fields(MaskRules)}
    words = [] if text in ("", "default") else [word.partition("=") for word in text.split()]
    try:
        return MaskRules(**{name: kind[name](value) for name, _, value in words})
    except UserError as error:
        raise UserError(f"{text[:200]!r} are not mask rules: {error}") from None
    except (KeyError, ValueError, OverflowError):
        raise UserError(
            f"{text[:200]!r} are not mask rules such as smooth_frames=1 min_area=0.1"
        ) from None
