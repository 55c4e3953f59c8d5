"""Renders predict.html, a self-contained page of the predictions of videos.

It makes no network request, and all text from outside is escaped; see `pages`.
"""

import base64
import dataclasses
from collections.abc import Sequence

from albar_jax.evaluation.motion_use import ClassProb, VideoUse
from albar_jax.report import prediction_text
from albar_jax.report.pages import render_page


@dataclasses.dataclass(frozen=True)
class Caption:
    """A picture with a line of text.

    Attributes:
      picture: the picture as a data URL.
      text: the text.
    """

    picture: str
    text: str


@dataclasses.dataclass(frozen=True)
class FrameRow:
    """A row of pictures with a line of text.

    Attributes:
      text: the text.
      frames: the pictures as data URLs.
    """

    text: str
    frames: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class VideoSection:
    """The pictures of one video as data URLs.

    Attributes:
      video: its predictions.
      frames: frames of the predicted clip.
      still: the frame that its motionless copy repeats; None without a clip.
      attributions: integrated gradients of the answer over the frames of the clip.
      time_line: its time line; None if it is not longer than a clip.
      window_frames: frames of windows.
    """

    video: VideoUse
    frames: tuple[str, ...] = ()
    still: str | None = None
    attributions: tuple[FrameRow, ...] = ()
    time_line: str | None = None
    window_frames: tuple[Caption, ...] = ()


def svg_url(svg: str) -> str:
    """Returns an SVG as a data URL. As an image it runs no script and does not load anything."""
    encoded = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def render(
    title: str,
    notes: Sequence[str],
    videos: Sequence[VideoUse],
    sections: Sequence[VideoSection],
    classes: Sequence[str],
) -> str:
    """Returns the page as HTML.

    Args:
      title: name of the model.
      notes: sentences about the model, the clips and the videos.
      videos: all videos, for the table.
      sections: the videos that are shown.
      classes: class names in the order of their numbers.
    """
    # The bars of all videos have one scale.
    largest = max([1e-6, *(_size(video) for video in videos)])
    return render_page(
        "predict.html.jinja",
        ("report.css", "predict.css"),
        ("sort.js",),
        title=title,
        notes=notes,
        videos=videos,
        sections=sections,
        classes=classes,
        largest=largest,
        text=prediction_text,
        bars=bars,
    )


def _size(video: VideoUse) -> float:
    return max(abs(video.use.appearance), abs(video.use.motion))


def bars(best: Sequence[ClassProb], classes: Sequence[str]) -> list[tuple[str, str, str]]:
    """Returns (class name, width of its bar in percent, probability in words) of each class."""
    rows = []
    for label, prob in best:
        rows.append((classes[label], f"{100 * prob:.2f}", prediction_text.percent(prob)))
    return rows
