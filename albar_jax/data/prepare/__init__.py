"""Published layouts of data sets, each one small file that yields the rows of a manifest."""

from albar_jax.data.prepare import (
    albar,
    aras,
    bias,
    folder,
    hmdb51,
    kinetics400,
    mmaction2,
    ucf101,
    waterbirds,
)
from albar_jax.data.prepare.base import Layout

DATASETS: dict[str, Layout] = {
    "hmdb51": hmdb51.LAYOUT,
    "ucf101": ucf101.LAYOUT,
    "kinetics400": kinetics400.LAYOUT,
    "aras": aras.LAYOUT,
    "waterbirds": waterbirds.LAYOUT,
    "bias": bias.LAYOUT,
    "mmaction2": mmaction2.LAYOUT,
    "albar": albar.LAYOUT,
    "folder": folder.LAYOUT,
}
