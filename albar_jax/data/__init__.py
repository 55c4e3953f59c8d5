"""From a manifest of video files to batches of clips; numpy only, because it runs in worker processes."""
