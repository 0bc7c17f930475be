"""Contract suites that the author of a plug-in runs with pytest."""
