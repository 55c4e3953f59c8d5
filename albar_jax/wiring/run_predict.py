"""`albar predict`: what a trained model says of any videos, and whether it needs their motion."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import jax
from tqdm import tqdm

from albar_jax.data import unreadable
from albar_jax.data.video_list import list_videos
from albar_jax.errors import UserError
from albar_jax.evaluation.motion_use import VideoUse
from albar_jax.report import prediction_files, prediction_text
from albar_jax.report.prediction_files import FileNames
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import notify, show
from albar_jax.wiring.motion_predictor import MotionPredictor
from albar_jax.wiring.predict_page import PredictPage
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.video_predictions import VideoPrediction, VideoPredictions

# Seconds between two writings of the answers so far.
_SECONDS = 60.0
# Default number of videos on the page with attributions.
NUM_EXPLAINED = 4


def run(
    model: Trained,
    names: Sequence[str],
    *,
    hop: int | None = None,
    out: str | None = None,
    page: bool = False,
    num_explained: int = NUM_EXPLAINED,
    quiet: bool = False,
) -> list[VideoUse]:
    """Predicts videos, prints the answers, and returns them.

    If the command is interrupted, it writes the results so far, and the time line of a film up to
    the last window that was predicted.

    Args:
      model: the model.
      names: files, folders and patterns; see `data.video_list`.
      hop: distance between two windows of a long video, in frames; None is half of the span of a
        clip.
      out: folder for the files of `report.prediction_files`; None writes nothing.
      page: whether to write the page, too.
      num_explained: number of videos on the page with attributions, which take hundreds of passes.
      quiet: whether to print nothing but the progress and the videos that cannot be read.

    Returns:
      The readable videos.

    Raises:
      UserError: no video can be read, a name leads to no video, or `page` lacks `out`.
    """
    if jax.process_count() > 1:
        raise UserError("videos are predicted by one process; start the command once")
    if page and out is None:
        raise UserError("--page needs --out DIR, the folder of the page")
    videos = list_videos(names)

    # If the results cannot be written, this fails before any work.
    with contextlib.ExitStack() as stack:
        folder = None if out is None else stack.enter_context(working_in(out, "--out"))
        predictor = MotionPredictor(model)
        shown = PredictPage(model, predictor, num_explained) if page else None
        results = _Results(predictor, folder, shown, quiet=quiet)
        predictions = VideoPredictions(predictor, videos, hop)
        try:
            with contextlib.closing(iter(predictions)) as finished:
                for prediction in finished:
                    results.add(prediction)
        except BaseException:
            results.write_rest(predictions.failures, predictions.begun(), len(videos))
            raise
        results.write(predictions.failures)

    if not results.videos:
        raise UserError("no video can be read; name others")
    return results.videos


class _Results:
    """Prints and writes the predictions.

    Args:
      predictor: the model.
      folder: folder of the files; None writes nothing.
      page: the page to write; None writes none.
      quiet: whether to print nothing.

    Attributes:
      videos: the predictions so far.
    """

    def __init__(
        self,
        predictor: MotionPredictor,
        folder: Path | None,
        page: PredictPage | None,
        *,
        quiet: bool,
    ):
        self.videos: list[VideoUse] = []
        self._classes = predictor.classes
        self._folder = folder
        self._page = page
        self._quiet = quiet
        self._names = FileNames()
        self._written = time.monotonic()

    def add(self, prediction: VideoPrediction) -> None:
        """Prints a video, writes its time line, and draws it for the page."""
        video = prediction.video
        self.videos.append(video)
        if not self._quiet:
            # The progress bar is drawn again below the lines.
            with tqdm.external_write_mode():
                show(*prediction_text.console(video, self._classes), "", flush=True)

        if self._folder is not None and video.windows:
            name = self._names.of(video.path)
            prediction_files.write_time_line(self._folder, name, video, self._classes)
        if self._page is not None:
            self._page.add(prediction)
        # A process that is killed cannot write.
        if self._folder is not None and time.monotonic() - self._written > _SECONDS:
            self._write_tables(self._folder)

    def write(self, failures: dict[str, str]) -> None:
        """Writes the predictions of all videos, and prints the totals and the failures."""
        if self._folder is not None:
            self._write_files(self._folder, failures)
        _name_unreadable(failures)
        if not self._quiet and self.videos:
            show(prediction_text.totals(self.videos, len(failures)))

    def write_rest(self, failures: dict[str, str], begun: VideoUse | None, total: int) -> None:
        """Writes the results of a command that ends early, and says how far it came.

        Args:
          failures: the videos that cannot be read.
          begun: the time line of a video that has not been read to its end; None without one.
          total: number of all videos.
        """
        # Without results, the ones of an earlier command stay.
        if self.videos:
            self.write(failures)
        else:
            _name_unreadable(failures)

        parts = [f"stopped after {len(self.videos) + len(failures)} of {total} videos"]
        if self._folder is None:
            parts.append("--out DIR would keep the answers so far")
        elif self.videos:
            parts.append(f"their answers are in {self._folder}")
        if self._folder is not None and begun is not None:
            path = prediction_files.write_time_line(
                self._folder, self._names.of(begun.path), begun, self._classes
            )
            end = prediction_text.moment(begun, begun.num_frames)
            parts.append(f"{path} is the time line of {begun.path} up to {end}")
        if not self._quiet:
            notify("; ".join([*parts, "the same command begins again with the first video"]))

    def _write_files(self, folder: Path, failures: dict[str, str]) -> None:
        self._write_tables(folder)
        unreadable.report(failures, folder)
        if self._page is not None and self.videos:
            path = self._page.write(folder, self.videos)
            if not self._quiet:
                show(f"the page: {path}")

    def _write_tables(self, folder: Path) -> None:
        # Results of an earlier command may be about other videos.
        for name in (unreadable.FILE, prediction_files.PAGE):
            (folder / name).unlink(missing_ok=True)

        prediction_files.write_predictions(folder, self.videos, self._classes)
        self._written = time.monotonic()


def _name_unreadable(failures: dict[str, str]) -> None:
    # Each reason begins with the path.
    notify(*(f"cannot read {reason}" for reason in failures.values()))
