"""The device mesh, and data exchange between processes and devices."""
