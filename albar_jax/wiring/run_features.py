"""`albar features`: the pooled features of long films, video by video."""

import collections
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from albar_jax.config.config_files import executed_files
from albar_jax.data import unreadable
from albar_jax.data.failures import FailureLog
from albar_jax.errors import UserError, full_disk_as_user_error
from albar_jax.features.crops import View
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.feature_writer import FeatureWriter, VideoWriter, check_places
from albar_jax.features.layouts import open_layout
from albar_jax.features.video_rows import MANIFEST_SUFFIX, VideoRow, list_rows
from albar_jax.features.window_batches import ClipBatch, Reading, VideoEnd, WindowBatches
from albar_jax.files import make_folder
from albar_jax.parallel.exchange import STEPS_AHEAD, all_gather
from albar_jax.parallel.same_launch import check_same_launch
from albar_jax.storage.budget import Budget
from albar_jax.terminal.escapes import show
from albar_jax.wiring.encoder import Encoder
from albar_jax.wiring.feature_options import FeatureOptions, view_of, windows_of
from albar_jax.wiring.feature_progress import FeatureProgress
from albar_jax.wiring.trained_models import Trained


def run(model: Trained, options: FeatureOptions) -> int:
    """Writes the features of videos; those that are finished already are kept.

    Collective: every process must call it. Process i of n makes the features of videos i, i + n,
    i + 2n, and so on.

    Args:
      model: the encoder.
      options: the settings.

    Returns:
      The exit status.

    Raises:
      UserError: the folder holds features of other settings, or no video can be read.
    """
    rows = list_rows(options.videos)
    view = view_of(model.config, options)
    preset, windows = windows_of(model.config, options)
    encoder = Encoder(model)
    info = FeatureInfo(
        encoder=encoder.description,
        layout=options.layout,
        preset=preset,
        windows=windows,
        crops=view.crops,
        size=view.size,
        short_side=view.short_side,
        shape=view.shape,
        width=encoder.width,
        segments=options.segments,
        lenient=encoder.config.loader.decoder == "lenient",
    )
    settings = {"out": options.out, "info": info.as_json(), "videos": [row.id for row in rows]}
    check_same_launch(settings | {"config files": executed_files()})

    with full_disk_as_user_error(options.out):
        writer = _open_writer(info, options, rows)
        maker = FeatureMaker(encoder, writer, _reading(encoder, info, view, options))
        maker.make(rows, options.threads)
        failures = all_gather(maker.failures)
        if jax.process_index() == 0:
            _publish(writer, rows, failures, Path(options.out))
    return 0


def _reading(encoder: Encoder, info: FeatureInfo, view: View, options: FeatureOptions) -> Reading:
    loader = encoder.config.loader
    usual = 1 if jax.default_backend() == "cpu" else 8
    batch_size = options.batch_size or usual
    return Reading(
        info.windows,
        view,
        batch_size * encoder.num_devices,
        loader.decoder,
        Budget(loader.clip_pixels, loader.clip_bytes, loader.clip_seconds),
    )


def _open_writer(
    info: FeatureInfo, options: FeatureOptions, rows: Sequence[VideoRow]
) -> FeatureWriter:
    """Opens the folder of the features on all processes, on the first one before the others."""
    manifest = None
    if options.videos[0].endswith(MANIFEST_SUFFIX):
        manifest = Path(options.videos[0])
    layout = open_layout(info, manifest, segments=options.segments)
    folder = Path(options.out)
    check_places(folder, layout, rows)
    if jax.process_index() == 0:
        FeatureWriter(make_folder(folder, "--out"), info, layout)
    # A barrier.
    all_gather({})

    return FeatureWriter(folder, info, layout)


def _publish(
    writer: FeatureWriter, rows: Sequence[VideoRow], failures: dict[str, str], out: Path
) -> None:
    """Writes the files of the complete set, and the list of unreadable videos."""
    # Videos that were unreadable in an earlier run have been tried again.
    (out / unreadable.FILE).unlink(missing_ok=True)
    unreadable.report(failures, out)

    finished = writer.finished()
    if not any(row.id in finished for row in rows):
        raise UserError(f"no video can be read, {rows[0].path} first; name others")
    sentences = writer.publish([row.id for row in rows])
    noun = "video" if len(finished) == 1 else "videos"
    show(f"features of {len(finished):,} {noun}: {out}", *sentences)


class FeatureMaker:
    """Makes the features of this process's videos.

    Args:
      encoder: the network.
      writer: the set of features.
      reading: how to read videos.

    Attributes:
      failures: the videos that cannot be read.
    """

    def __init__(self, encoder: Encoder, writer: FeatureWriter, reading: Reading):
        self.failures = FailureLog()
        self._encoder = encoder
        self._writer = writer
        self._reading = reading
        # Numbers of videos with features that are not finite.
        self._unusable: set[int] = set()

    def make(self, rows: Sequence[VideoRow], threads: int) -> None:
        """Makes the features of the videos of this process that have none."""
        own = rows[jax.process_index() :: jax.process_count()]
        finished = self._writer.finished()
        missing = [row for row in own if not _is_finished(row, finished)]
        if not missing:
            return

        shard = jax.process_index() + 1, jax.process_count()
        progress = FeatureProgress(missing)
        batches = WindowBatches([row.path for row in missing], self._reading, threads=threads)
        with progress, batches, self._writer.writing(shard) as output:
            for item, features in self._computed(batches):
                if isinstance(item, VideoEnd):
                    self._finish(missing[item.video], item, output)
                    progress.finish(item.video)
                elif features is not None:
                    self._add(item.video, features, output)
                    progress.read(item.video, item.share)

    def _computed(
        self, batches: WindowBatches
    ) -> Iterator[tuple[ClipBatch | VideoEnd, np.ndarray | None]]:
        """Yields the items in order, a few late, so that the devices work while the host copies."""
        pending: collections.deque[tuple[ClipBatch | VideoEnd, jax.Array | None]]
        pending = collections.deque()
        for item in batches:
            launched = self._encoder.launch(item.clips) if isinstance(item, ClipBatch) else None
            pending.append((item, launched))
            if len(pending) > STEPS_AHEAD:
                yield _fetched(*pending.popleft())
        while pending:
            yield _fetched(*pending.popleft())

    def _add(self, video: int, features: np.ndarray, output: VideoWriter) -> None:
        """Stores the features of a batch."""
        if not np.isfinite(features).all():
            self._unusable.add(video)
        output.rows_of[video].append(features)

    def _finish(self, row: VideoRow, end: VideoEnd, output: VideoWriter) -> None:
        """Writes the features of a video, or records why it has none."""
        reason = end.reason
        if not reason and end.video in self._unusable:
            reason = "the network gives features that are not finite"

        if reason:
            self.failures.add(row.path, reason)
            output.fail(row, reason)
        else:
            rows = output.rows_of[end.video]
            output.finish(row, rows, num_frames=end.num_frames, fps=end.fps)
        output.rows_of.close(end.video)


def _fetched(
    item: ClipBatch | VideoEnd, launched: jax.Array | None
) -> tuple[ClipBatch | VideoEnd, np.ndarray | None]:
    """Waits for the features of a batch, and drops the features of padding."""
    if launched is None or isinstance(item, VideoEnd):
        return item, None
    return item, np.asarray(launched)[: item.count]


def _is_finished(row: VideoRow, finished: Mapping[str, VideoInfo]) -> bool:
    """Returns whether a video has features.

    Raises:
      UserError: its id belongs to another file.
    """
    video = finished.get(row.id)
    if video is None:
        return False
    # In a manifest, ids name videos, wherever they are. Otherwise paths do.
    if row.label is None and os.path.abspath(video.path) != os.path.abspath(row.path):
        raise UserError(
            f"--out has features of {video.path} under the id {row.id!r}, which {row.path} would "
            "get, too; give another --out"
        )
    return True
