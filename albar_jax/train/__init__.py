"""The training step, the training loop, checkpoints and logs."""
