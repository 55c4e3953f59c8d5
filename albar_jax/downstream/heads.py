"""The table of downstream heads."""

import functools

from albar_jax.downstream.base import HeadKind
from albar_jax.downstream.mgfn import evaluation as mgfn_evaluation
from albar_jax.downstream.mgfn import other_scores
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.head import MgfnHead, MgfnNetwork
from albar_jax.downstream.tridet import evaluation as tridet_evaluation
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.head import TridetHead, TridetNetwork
from albar_jax.features.anomaly import read_anomaly
from albar_jax.features.segments import read_segments

HEADS: dict[str, HeadKind] = {
    "mgfn": HeadKind(
        title="MGFN",
        task="UCF-Crime anomaly detection",
        config=MgfnConfig,
        make=MgfnHead,
        make_network=MgfnNetwork,
        read_truth=read_anomaly,
        evaluate=mgfn_evaluation.evaluate,
        read_predictions=other_scores.read_predictions,
        with_frames=other_scores.with_frames,
        evaluate_published=None,
        tests_each_epoch=True,
    ),
    "tridet": HeadKind(
        title="TriDet",
        task="THUMOS14 action detection",
        config=TridetConfig,
        make=TridetHead,
        make_network=TridetNetwork,
        read_truth=read_segments,
        evaluate=tridet_evaluation.evaluate,
        read_predictions=tridet_evaluation.read_predictions,
        with_frames=None,
        evaluate_published=functools.partial(tridet_evaluation.evaluate, published_numbering=True),
        tests_each_epoch=False,
    ),
}
