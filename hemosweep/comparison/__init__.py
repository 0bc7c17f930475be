"""Comparison of two sides, and of the pairs that an ablation declares: one road to a verdict."""
