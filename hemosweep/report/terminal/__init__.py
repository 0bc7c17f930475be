"""Tables, progress and comparisons as lines on a terminal."""
