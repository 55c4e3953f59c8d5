"""Worker processes that end with their parent, and detection of dead or stopped workers."""
