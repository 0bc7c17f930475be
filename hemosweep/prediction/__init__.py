"""Scans segmented by the fold ensemble of an arm."""
