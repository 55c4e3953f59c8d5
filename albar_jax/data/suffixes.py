"""What files that hold videos are called. Lists of files go by it; the readers go by how a file begins."""

import os

VIDEO_SUFFIXES = {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png"}
ARCHIVE_SUFFIX = ".zip"  # of frames


def suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a path in small letters, "" where there is none."""
    return os.path.splitext(path)[1].lower()
