"""Reads batches of clips from manifests of videos; numpy only, because workers run it."""
