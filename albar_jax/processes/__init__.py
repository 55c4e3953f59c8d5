"""Worker processes that leave nothing behind and whose death or stop is detected at any moment."""
