"""One small file per way to read frames: each gives the same frames for the same numbers."""
