"""Collects the pictures of predicted videos, and writes the page that shows them."""

from collections.abc import Sequence
from pathlib import Path

from albar_jax import files, wiring
from albar_jax.evaluation.motion_use import VideoUse
from albar_jax.report import plots, prediction_page
from albar_jax.report.prediction_files import PAGE
from albar_jax.report.prediction_page import Caption, FrameRow, VideoSection, svg_url
from albar_jax.report.prediction_text import moment
from albar_jax.report.time_line import draw_time_line
from albar_jax.storage.inside import inside
from albar_jax.wiring.motion_predictor import MotionPredictor
from albar_jax.wiring.predict_attributions import PredictAttributions, frame_row
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.video_predictions import VideoPrediction, WindowFrame

# Videos with pictures. More would make the page too large for a browser.
MOST_SHOWN = 24


class PredictPage:
    """The page of a run of `albar predict`.

    Args:
      model: the model.
      predictor: the same model, ready to predict.
      num_explained: number of videos with attributions.
    """

    def __init__(self, model: Trained, predictor: MotionPredictor, num_explained: int):
        self._model = model
        self._predictor = predictor
        self._num_explained = num_explained
        self._attributions = PredictAttributions(model)
        self._sections: list[VideoSection] = []

    def add(self, prediction: VideoPrediction) -> None:
        """Draws the pictures of a video, unless the page shows enough videos already."""
        if len(self._sections) == MOST_SHOWN:
            return

        video = prediction.video
        attributions: tuple[FrameRow, ...] = ()
        if len(self._sections) < self._num_explained:
            attributions = self._attributions.rows(prediction.clip, video.use.answer.label)

        time_line = None
        if video.windows:
            time_line = svg_url(draw_time_line(video, self._predictor.classes))

        self._sections.append(
            VideoSection(
                video,
                frames=frame_row(prediction.clip),
                still=plots.frame_png(prediction.clip[self._predictor.frame]),
                attributions=attributions,
                time_line=time_line,
                window_frames=tuple(
                    self._caption(video, window_frame) for window_frame in prediction.window_frames
                ),
            )
        )

    def _caption(self, video: VideoUse, window_frame: WindowFrame) -> Caption:
        window = window_frame.window
        answer = self._predictor.classes[window.use.answer.label]
        still = self._predictor.classes[window.use.still[0].label]
        middle = (window.first + window.last + 1) // 2
        text = f"{moment(video, middle)}: {answer}, motionless {still}"
        return Caption(plots.frame_png(window_frame.frame), text)

    def write(self, folder: Path, videos: Sequence[VideoUse]) -> Path:
        """Writes the page atomically; returns its path.

        Args:
          folder: folder of the results.
          videos: all videos, for the table.
        """
        path = inside(folder, PAGE)
        page = prediction_page.render(
            self._model.name, self._notes(), videos, self._sections, self._predictor.classes
        )
        files.write_text(path, page)
        return path

    def _notes(self) -> list[str]:
        config = self._model.config
        step = "" if self._model.step is None else f", checkpoint of step {self._model.step:,}"
        views = wiring.views_in_words(config, wiring.suite(config).iid)
        data = config.data
        return [
            f"{len(self._predictor.classes)} classes{step}. Prediction of a video: {views}, of "
            f"{data.num_frames} frames at stride {data.stride}. The motionless copy repeats frame "
            f"{self._predictor.frame} of these frames, counted from 0."
        ]
