"""Scores of a case, the table that holds them, and the score files that others write."""
