"""Folder of a fold run: spec, journal, lock, and the request to pause."""
