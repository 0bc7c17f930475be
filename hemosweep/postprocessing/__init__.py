"""Changes of a predicted mask, which an arm declares."""
