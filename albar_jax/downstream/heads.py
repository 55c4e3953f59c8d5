"""The table of downstream heads."""

from albar_jax.downstream.base import HeadKind
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.evaluation import evaluate as evaluate_anomalies
from albar_jax.downstream.mgfn.head import MgfnHead
from albar_jax.downstream.mgfn.other_scores import read_predictions as read_scores
from albar_jax.features.anomaly import read_anomaly

HEADS: dict[str, HeadKind] = {
    "mgfn": HeadKind(
        title="MGFN",
        task="UCF-Crime anomaly detection",
        config=MgfnConfig,
        make=MgfnHead,
        read_truth=read_anomaly,
        evaluate=evaluate_anomalies,
        read_predictions=read_scores,
        tests_each_epoch=True,
    ),
}
