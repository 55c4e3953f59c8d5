"""FLOPs, memory and exchanges of a compiled step."""
