"""FLOPs, memory and collectives of a compiled step."""
