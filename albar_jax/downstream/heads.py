"""The table of downstream heads."""

from albar_jax.downstream.base import HeadKind
from albar_jax.downstream.tridet import evaluation as tridet_evaluation
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.head import TridetHead
from albar_jax.features.segments import read_segments

HEADS: dict[str, HeadKind] = {
    "tridet": HeadKind(
        title="TriDet",
        task="THUMOS14 action detection",
        config=TridetConfig,
        make=TridetHead,
        read_truth=read_segments,
        evaluate=tridet_evaluation.evaluate,
        read_predictions=tridet_evaluation.read_predictions,
        tests_each_epoch=False,
    ),
}
