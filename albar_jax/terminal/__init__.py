"""The terminal: options, printed text, and the start and end of programs."""
