"""Generated and composed videos. Needs numpy, OpenCV and PyAV, but not JAX."""
