"""One small file per layout of feature files: of our own heads and of public programs."""

from collections.abc import Mapping
from pathlib import Path

from albar_jax.features.feature_info import FeatureInfo
from albar_jax.features.layouts import mgfn, plain, tridet
from albar_jax.features.layouts.base import Layout, LayoutKind

LAYOUTS: Mapping[str, LayoutKind] = {
    "plain": plain.KIND,
    "mgfn": mgfn.KIND,
    "tridet": tridet.KIND,
}


def open_layout(info: FeatureInfo, manifest: Path | None, *, segments: bool = False) -> Layout:
    """Returns the layout that the settings of features name.

    Args:
      info: the settings.
      manifest: the manifest of the videos; None without one.
      segments: whether to cut the training videos of MGFN into segments.

    Raises:
      UserError: the layout does not fit the features or the videos.
    """
    return LAYOUTS[info.layout].open(info, manifest, segments)
