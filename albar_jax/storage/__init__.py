"""Reads and writes files: inside their folder, atomically, with checksums and limits."""
