"""Asks a model about all clips of the test sets, in batches of one size."""

import contextlib
import dataclasses
from collections.abc import Sequence

from tqdm import tqdm

from albar_jax.audit.answers import AnswerCheck, mean_answer
from albar_jax.audit.kept_answers import KeptAnswers
from albar_jax.audit.models.base import Answer, AuditModel
from albar_jax.audit.read_ahead import read_ahead
from albar_jax.audit.reading import HeldClip, Job, Read, Reader
from albar_jax.terminal.escapes import notify, printable

# Bytes of the clips in a batch. Whole videos may be much larger than clips of a few frames.
_MOST_BYTES = 1 << 31


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """The answers to all questions.

    Attributes:
      answers: the answer to each readable clip, in the classes of the model, by (task, row).
      failures: path -> reason of each video that cannot be read; the reason begins with the path.
      num_asked: number of clips that the model was asked about; the others were known.
    """

    answers: dict[tuple[str, int], Answer]
    failures: dict[str, str]
    num_asked: int

    def in_words(self) -> str:
        """Describes the numbers of clips."""
        known = len(self.answers) - self.num_asked
        text = f"asked about {self.num_asked:,} clips"
        if known > 0:
            text += f", the answers to {known:,} others were known"
        if self.failures:
            text += f"; unreadable videos: {len(self.failures):,}"
        return text


def ask(
    model: AuditModel,
    reader: Reader,
    jobs: Sequence[Job],
    kept: KeptAnswers,
    check: AnswerCheck,
    *,
    batch_size: int,
    threads: int,
    is_resumed: bool = True,
) -> Asked:
    """Asks a model about the clips of all videos whose answers are not kept.

    Batches are formed in the order of the clips. Each is kept as soon as it is answered. A command
    that is repeated after a kill therefore forms the same batches, and its answers are the same to
    the bit.

    Args:
      model: the model.
      reader: reads its clips.
      jobs: the videos.
      kept: the answers so far; new ones are added.
      check: checks the answers.
      batch_size: clips in a batch. A batch with fewer clips is filled up with copies of its last
        clip: the last one, and batches of clips that would not fit into memory together.
      threads: number of threads that read.
      is_resumed: whether the command can be repeated after it was stopped, for its message.

    Raises:
      UserError: an answer of the model is invalid.
      StorageError: the system failed to read a file that may be intact.
    """
    batches = _Batches(model, kept, check, batch_size)
    done: list[Read] = []
    total = sum(len(job.questions) for job in jobs)
    bar = tqdm(total=total, unit="clip", desc=printable(model.name))
    try:
        with bar, contextlib.closing(read_ahead(reader, jobs, threads)) as reads:
            for read in reads:
                batches.add(read)
                # The clips themselves are no longer needed.
                done.append(dataclasses.replace(read, clips={}))
                bar.update(len(read.job.questions))
            batches.finish()
    except BaseException:
        text = f"{model.name}: stopped after {bar.n} of {total} clips"
        notify(f"{text}; answers so far are kept" if is_resumed else text)
        raise

    return _asked(done, kept, batches.num_asked)


class _Batches:
    """Collects clips and asks the model about each full batch."""

    def __init__(self, model: AuditModel, kept: KeptAnswers, check: AnswerCheck, size: int):
        self.num_asked = 0
        self._model = model
        self._kept = kept
        self._check = check
        self._size = size
        # Key -> path of the video, and the clip.
        self._waiting: dict[str, tuple[str, HeldClip]] = {}
        self._num_bytes = 0

    def add(self, read: Read) -> None:
        """Adds the clips of a video; those of equal content are asked once."""
        for key, clip in read.clips.items():
            if key in self._kept or key in self._waiting:
                continue
            if self._waiting and self._num_bytes + clip.nbytes > _MOST_BYTES:
                self._ask()
            self._waiting[key] = (read.job.path, clip)
            self._num_bytes += clip.nbytes
            if len(self._waiting) == self._size:
                self._ask()

    def finish(self) -> None:
        """Asks about the last clips."""
        if self._waiting:
            self._ask()

    def _ask(self) -> None:
        clips = [clip.array() for _, clip in self._waiting.values()]
        num_clips = len(clips)
        # Batches of another size might give other last digits.
        clips += [clips[-1]] * (self._size - num_clips)
        answers = self._model.answer(clips)[:num_clips]

        for answer, (path, _) in zip(answers, self._waiting.values(), strict=True):
            self._check.check(answer, path)
        self._kept.add(list(self._waiting), answers)
        self._waiting.clear()
        self._num_bytes = 0
        self.num_asked += num_clips


def _asked(done: Sequence[Read], kept: KeptAnswers, num_asked: int) -> Asked:
    answers: dict[tuple[str, int], Answer] = {}
    failures: dict[str, str] = {}
    for read in done:
        if read.failure:
            failures[read.job.path] = read.failure
            continue
        for question, keys in zip(read.job.questions, read.keys, strict=True):
            of_views = [kept[key] for key in keys]
            answers[question.task, question.row] = mean_answer(of_views)

    return Asked(answers, failures, num_asked)
