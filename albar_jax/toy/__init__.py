"""Generated worlds of small videos."""
