"""Names of fold runs: digests of everything that can change a result."""
