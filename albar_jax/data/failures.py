"""Collects which videos could not be read, and why."""

import re

# Matches the reasons that `late` writes.
_LATE_PATTERN = re.compile(r"takes longer than ([0-9.e+]+) s to read")
_LATE_REMEDY = "raise config.loader.clip_seconds, or 0 for no limit"


class FailureLog(dict[str, str]):
    """The videos that could not be read: path -> message, which begins with the path.

    The stream that reads the videos creates the log and adds to it; others only read it.
    """

    def add(self, path: str, reason: str) -> None:
        """Adds a video, or replaces its reason.

        Args:
          path: path of the video.
          reason: the reason without the path.
        """
        self[path] = f"{path}: {reason}"

    def too_slow(self, seconds: float) -> dict[str, str]:
        """Selects the videos that were too slow: path -> reason without the path.

        A resumed run does not read these videos again. A video may be too slow on one machine and
        not on another, but the resumed run must give the same bits.

        Args:
          seconds: the current time limit. Videos that failed at a smaller limit are not selected.
        """
        reasons = {path: message.removeprefix(f"{path}: ") for path, message in self.items()}
        return {path: reason for path, reason in reasons.items() if _is_late_at(reason, seconds)}


def late(seconds: float) -> str:
    """Returns the reason of a video that took longer than a time limit in seconds."""
    return f"it takes longer than {seconds:g} s to read"


def late_reason(seconds: float) -> str:
    """Returns the reason and the remedy for the time limit of a config."""
    return f"{late(seconds)}; {_LATE_REMEDY}"


def is_late(reason: str) -> bool:
    """Returns whether a video was unreadable because it was too slow."""
    return _LATE_PATTERN.search(reason) is not None


def _is_late_at(reason: str, seconds: float) -> bool:
    match = _LATE_PATTERN.search(reason)
    return match is not None and 0 < seconds <= float(match[1])
