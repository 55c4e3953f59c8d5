"""Defines the downstream tasks of a study: features of its encoders, and heads on them."""

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from typing import Any, Literal

from albar_jax.schema import fields


@dataclasses.dataclass(frozen=True)
class Probe:
    """A downstream task: which films, which windows, and which head.

    Attributes:
      name: name of its folder within a run, such as "mgfn_dense".
      title: heading of its table.
      head: "mgfn" or "tridet".
      videos: manifest of the films; {seed} is replaced by the seed of the run.
      annotations: what the head reads; {seed} is replaced, too.
      data: command that makes both, for the error message if they are missing.
      preset: windows of the features, see `features.windows.PRESETS`.
      hop: distance of two windows in frames; None for the one of the preset.
      recipe: other values for fields of the head's recipe.
      batch_size: clips of a batch on each device; None is the default of `albar features`.

    Raises:
      UserError: a value is out of range.
    """

    name: str
    title: str
    head: Literal["mgfn", "tridet"]
    videos: str
    annotations: str
    data: str
    preset: Literal["dense", "author", "span"] = "dense"
    hop: fields.Count | None = None
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    batch_size: fields.Count | None = None

    def __post_init__(self):
        kinds = typing.get_type_hints(type(self), include_extras=True)
        for name, kind in kinds.items():
            fields.check(kind, getattr(self, name), f"the {name} of the task {self.name!r}")

    def of_seed(self, seed: int) -> "Probe":
        """Returns the task with the paths of a seed."""
        videos = self.videos.replace("{seed}", str(seed))
        annotations = self.annotations.replace("{seed}", str(seed))
        return dataclasses.replace(self, videos=videos, annotations=annotations)

    @property
    def folder(self) -> str:
        """Returns the name of its folder within a run: other settings have another one."""
        settings = dataclasses.asdict(self)
        # These change no result.
        for name in ("title", "data", "batch_size"):
            settings.pop(name)
        content = json.dumps(settings, sort_keys=True)
        return f"{self.name}_{hashlib.sha256(content.encode()).hexdigest()[:8]}"
