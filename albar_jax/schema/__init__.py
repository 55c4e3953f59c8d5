"""Types, ranges and comparison of config fields."""
