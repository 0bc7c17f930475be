"""The case page of a sweep: a table of cases by arms, and the pictures behind it, in one HTML file."""
