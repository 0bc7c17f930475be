"""Workflows, one function a command."""
