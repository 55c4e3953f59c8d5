"""Generated and composed videos: numpy and PyAV only."""
