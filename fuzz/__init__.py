"""Reads damaged and hostile files with every reader of the package; see docs/fuzzing.md."""
