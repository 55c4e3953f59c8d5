"""Reads the clips of a video that a model is asked about, unless their answers are known."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.audit import content, frames, rates
from albar_jax.audit.models.base import Sampling, SpecifiedClips
from albar_jax.data.clip_reader import ClipSpec, FrameOrder, read_clip
from albar_jax.data.decode import DecodeError, Decoder, open_video
from albar_jax.data.loader import generator
from albar_jax.storage.budget import DEFAULT, Budget

# Changes if other frames would be chosen for the same settings.
_VERSION = 1
_KEY_DIGITS = 32


@dataclasses.dataclass(frozen=True)
class Question:
    """A clip of a test set.

    Attributes:
      task: the test set.
      row: row of the video in its manifest.
      order: order of the frames.
    """

    task: str
    row: int
    order: FrameOrder


@dataclasses.dataclass(frozen=True)
class Job:
    """A video with all questions about it, which is decoded once.

    Attributes:
      path: path of the video.
      questions: the clips to ask about.
      source: the video that it was made from, whose frame rate is used; "" for its own rate.
    """

    path: str
    questions: tuple[Question, ...]
    source: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class HeldClip:
    """A clip that shares the frames of its video with other clips.

    Attributes:
      frames: frames of the video, uint8 (n, h, w, 3).
      places: frames of the clip, int (T,).
    """

    frames: UInt8[np.ndarray, "n h w 3"]
    places: Int[np.ndarray, " t"]

    @property
    def nbytes(self) -> int:
        """The memory of the clip, in bytes."""
        return len(self.places) * self.frames[0].nbytes

    def array(self) -> UInt8[np.ndarray, "t h w 3"]:
        """Returns the clip, contiguous in memory."""
        if np.array_equal(self.places, np.arange(len(self.frames))):
            return self.frames
        return self.frames[self.places]


@dataclasses.dataclass(frozen=True, eq=False)
class Read:
    """A video that was read.

    Attributes:
      job: the video.
      keys: keys of the views of each question; empty if the video cannot be read.
      clips: the clips whose answers are not known, by key.
      failure: the reason why the video cannot be read, which begins with its path; "" otherwise.
    """

    job: Job
    keys: tuple[tuple[str, ...], ...]
    clips: Mapping[str, HeldClip]
    failure: str = ""

    @property
    def nbytes(self) -> int:
        """The memory that the clips take, in bytes."""
        arrays = {id(clip.frames): clip.frames.nbytes for clip in self.clips.values()}
        return sum(arrays.values())


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads the clips of videos; may be called by several threads.

    Attributes:
      sampling: the frames that the model wants.
      views: clips of a video whose answers are averaged.
      is_known: returns whether the answer with a key is known.
      decoder: library that decodes films; see `albar_jax.data.decode.open_video`.
      budget: limits of one reading.
    """

    sampling: Sampling
    views: int
    is_known: Callable[[str], bool]
    decoder: Decoder = "auto"
    budget: Budget = DEFAULT

    def __call__(self, job: Job) -> Read:
        """Reads a video.

        Raises:
          StorageError: the system failed to read a file that may be intact.
        """
        try:
            digest = content.digest_of(job.path)
            if isinstance(self.sampling, SpecifiedClips):
                return self._read_specified(job, digest, self.sampling)
            return self._read_sampled(job, digest)
        except DecodeError as error:
            return Read(job, (), {}, str(error))

    def _read_sampled(self, job: Job, digest: str) -> Read:
        """Reads the frames of all views at once."""
        fps = None
        if self.sampling.fps is not None and job.source:
            fps = rates.rate_of(job.source)

        keys = []
        for question in job.questions:
            rule = f"{self.sampling} {fps} {self.decoder} {question.order}"
            views = range(self.views)
            keys.append(tuple(_key(digest, f"{rule} {view} of {self.views}") for view in views))

        clips: dict[str, HeldClip] = {}
        if not all(self.is_known(key) for of_question in keys for key in of_question):
            with open_video(job.path, self.decoder, self.budget) as video:
                numbers = [
                    frames.choose(len(video), fps or video.fps, self.sampling, view, self.views)
                    for view in range(self.views)
                ]
                read = np.unique(np.concatenate(numbers))
                pictures = video.read(read)

            places = [np.searchsorted(read, of_view) for of_view in numbers]
            for question, of_question in zip(job.questions, keys, strict=True):
                for key, of_view in zip(of_question, places, strict=True):
                    if not self.is_known(key):
                        order = _order(len(of_view), question.order, digest)
                        clips[key] = HeldClip(pictures, of_view[order])

        return Read(job, tuple(keys), clips)

    def _read_specified(self, job: Job, digest: str, sampling: SpecifiedClips) -> Read:
        """Reads the views of a config as `albar evaluate` reads them."""
        keys = []
        clips: dict[str, HeldClip] = {}
        for question in job.questions:
            of_question = []
            for spec in sampling.specs_of(question.task, question.order):
                key = _key(digest, _rule(spec, question))
                of_question.append(key)
                if not self.is_known(key) and key not in clips:
                    clip = read_clip(job.path, spec, generator(0, question.row))
                    clips[key] = HeldClip(clip, np.arange(len(clip)))
            keys.append(tuple(of_question))

        return Read(job, tuple(keys), clips)


def jobs(questions: Sequence[tuple[str, Question]], source_of: Mapping[str, str]) -> Iterator[Job]:
    """Groups questions by their videos, in the order in which the videos first occur.

    Args:
      questions: the path of a video and a question about it, for each question.
      source_of: the first source of derived clips, by path; see `rates.sources`.
    """
    of_path: dict[str, list[Question]] = {}
    for path, question in questions:
        of_path.setdefault(path, []).append(question)

    for path, of_video in of_path.items():
        yield Job(path, tuple(of_video), source_of.get(os.path.normpath(path), ""))


def _key(digest: str, rule: str) -> str:
    """Returns the key of a clip: the content of its video, and the rule that cuts it out."""
    text = f"{_VERSION} {digest} {rule}"
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def _rule(spec: ClipSpec, question: Question) -> str:
    # Pictures are reduced to meet the limit on pixels. Other limits do not change a clip.
    budget = dataclasses.replace(DEFAULT, pixels=spec.budget.pixels)
    rule = str(dataclasses.replace(spec, budget=budget))
    # The row determines the permutation.
    return f"{rule} {question.row}" if spec.order == "shuffled" else rule


def _order(length: int, order: FrameOrder, digest: str) -> Int[np.ndarray, " t"]:
    """Returns the places of the frames; the content of the video determines the permutation."""
    return frames.reorder(length, order, np.random.default_rng(int(digest[:16], 16)))
