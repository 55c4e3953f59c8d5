"""Debiased video action recognition in JAX: train on motion, measure bias by scenery and clothes."""
