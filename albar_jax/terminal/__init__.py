"""What programs print and parse, and how they start and end."""
