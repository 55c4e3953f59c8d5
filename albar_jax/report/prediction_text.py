"""Describes the predictions of videos in plain words and in tables for the terminal."""

import collections
import os
from collections.abc import Sequence

from albar_jax.evaluation.motion_use import ClassProb, MotionUse, VideoUse, WindowUse
from albar_jax.report.cells import MISSING
from albar_jax.report.tables import aligned
from albar_jax.terminal.escapes import printable

# Rows of a time line on the terminal. The files have all windows.
_MOST_ROWS = 20
_MOTIONLESS = "motionless"
_HEADER = (
    *("from", "to", "answer", "prob", "motionless", "answer's prob"),
    *("needs motion", "appearance", "motion"),
)


def sentence(use: MotionUse, classes: Sequence[str]) -> str:
    """Returns one sentence: whether the answer needs the motion, and the two parts of its logit.

    Args:
      use: the answers for a clip and its still.
      classes: class names in the order of their numbers.
    """
    answer = classes[use.answer.label]
    before = percent(use.answer.prob)
    after = percent(use.still_prob)
    total = use.appearance + use.motion
    parts = (
        f"; of its logit's {total:+.2f} over a black clip, {use.appearance:+.2f} is appearance and "
        f"{use.motion:+.2f} motion"
    )

    if not use.moves:
        return (
            f"The clip has no motion, because all its frames are equal: the model says {answer} "
            f"with {before}, and all of its logit's {total:+.2f} over a black clip is appearance."
        )
    if use.changes:
        other = f"{classes[use.still[0].label]} ({percent(use.still[0].prob)})"
        return (
            f"The answer needs the motion: without it the model says {other}, and {answer} has "
            f"{after} instead of {before}{parts}."
        )
    if use.needs_motion:
        return (
            f"The answer needs the motion: without it {answer} keeps less than half of its "
            f"probability, {after} instead of {before}{parts}."
        )
    change = f"the same {after}" if after == before else f"{after} instead of {before}"
    return (
        f"The answer does not need the motion: without it the model still says {answer}, with "
        f"{change}{parts}."
    )


def percent(prob: float) -> str:
    """Formats a probability, as in "91.2 %"."""
    return f"{100 * prob:.1f} %"


def console(video: VideoUse, classes: Sequence[str]) -> list[str]:
    """Returns the lines that the terminal shows of a video: best classes, sentence, time line."""
    lines = [f"{video.path}: {length(video)}", ""]
    lines += aligned(_best_classes(video.use, classes)).splitlines()
    lines += ["", sentence(video.use, classes)]
    if video.windows:
        lines += ["", *_time_line(video, classes)]

    return lines


def length(video: VideoUse) -> str:
    """Describes the length of a video, as in "250 frames, 10.0 s"."""
    frames = "1 frame" if video.num_frames == 1 else f"{video.num_frames:,} frames"
    end = video.seconds(video.num_frames)
    return frames if end is None else f"{frames}, {end:.1f} s"


def _best_classes(use: MotionUse, classes: Sequence[str]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    # `aligned` pads names of other columns than the first on their left.
    width = max(map(len, [_MOTIONLESS, *(printable(classes[best.label]) for best in use.still)]))
    for moving, still in zip(use.moving, use.still, strict=True):
        name, prob = _named(still, classes)
        lines.append((*_named(moving, classes), printable(name).ljust(width), prob))
    return [("moving clip", "", _MOTIONLESS.ljust(width), ""), *lines]


def _named(best: ClassProb, classes: Sequence[str]) -> tuple[str, str]:
    return classes[best.label], percent(best.prob)


def _time_line(video: VideoUse, classes: Sequence[str]) -> list[str]:
    """Returns the time line with neighbours of the same answer and the same need joined."""
    spans = joined(video.windows)
    rows: list[tuple[str, ...]] = [_HEADER]
    for windows in spans[:_MOST_ROWS]:
        rows.append(_span_row(video, windows, classes))

    needing = sum(window.use.needs_motion for window in video.windows)
    lines = [
        f"time line of {len(video.windows):,} windows; answers that need the motion: {needing:,}",
        *aligned(rows).splitlines(),
    ]
    if len(spans) > _MOST_ROWS:
        lines.append(f"and {len(spans) - _MOST_ROWS:,} further spans; --out DIR writes all windows")
    return lines


def joined(windows: Sequence[WindowUse]) -> list[list[WindowUse]]:
    """Groups consecutive windows with the same answer that all need the motion, or none."""
    spans: list[list[WindowUse]] = []
    previous = None
    for window in windows:
        key = window.use.answer.label, window.use.needs_motion
        if key != previous:
            spans.append([])
            previous = key
        spans[-1].append(window)

    return spans


def _span_row(
    video: VideoUse, windows: Sequence[WindowUse], classes: Sequence[str]
) -> tuple[str, ...]:
    """Returns the row of joined windows: means, and the most frequent answer of their stills."""
    uses = [window.use for window in windows]
    stills = collections.Counter(use.still[0].label for use in uses)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    return (
        moment(video, windows[0].first),
        moment(video, windows[-1].last + 1),
        classes[uses[0].answer.label],
        percent(mean([use.answer.prob for use in uses])),
        classes[stills.most_common(1)[0][0]],
        percent(mean([use.still_prob for use in uses])),
        "yes" if uses[0].needs_motion else "no",
        f"{mean([use.appearance for use in uses]):+.2f}",
        f"{mean([use.motion for use in uses]):+.2f}",
    )


def moment(video: VideoUse, frame: float) -> str:
    """Formats when a frame begins, as in "1:02:03.5"; its number if the frame rate is unknown."""
    seconds = video.seconds(frame)
    if seconds is None:
        return f"frame {frame}"

    # Rounded first, so that 59.96 s does not become 60.0.
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{text}" if hours else text


def totals(videos: Sequence[VideoUse], num_unreadable: int) -> str:
    """Returns the last line of the terminal: how many answers need the motion."""
    needing = sum(video.use.needs_motion for video in videos)
    num_videos = "1 video" if len(videos) == 1 else f"{len(videos):,} videos"
    text = f"{num_videos}; answers that need the motion: {needing:,}"
    if num_unreadable:
        text += f"; {num_unreadable:,} cannot be read"
    return text


def short_name(path: str) -> str:
    """Returns the last part of a path, for headings; the path itself if there is none."""
    return os.path.basename(os.path.normpath(path)) or path or MISSING
