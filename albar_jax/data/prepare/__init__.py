"""Reads published data sets, one small file for each, into the rows of a manifest."""

from albar_jax.data.prepare import (
    albar,
    aras,
    bias,
    folder,
    hat,
    hmdb51,
    kinetics400,
    mmaction2,
    thumos14,
    ucf101,
    ucf_crime,
    waterbirds,
)
from albar_jax.data.prepare.base import DataSet

DATASETS: dict[str, DataSet] = {
    "hmdb51": hmdb51.DATASET,
    "ucf101": ucf101.DATASET,
    "kinetics400": kinetics400.DATASET,
    "aras": aras.DATASET,
    "waterbirds": waterbirds.DATASET,
    "ucf_crime": ucf_crime.DATASET,
    "thumos14": thumos14.DATASET,
    "bias": bias.DATASET,
    "hat": hat.DATASET,
    "mmaction2": mmaction2.DATASET,
    "albar": albar.DATASET,
    "folder": folder.DATASET,
}
