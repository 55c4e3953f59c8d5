"""Worker processes whose death or halt at any moment is noticed, and which leave nothing behind."""
