"""Pictures of CT slices."""
