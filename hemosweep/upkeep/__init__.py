"""Upkeep of an output folder: status, deletion of files that nothing needs, and restart."""
