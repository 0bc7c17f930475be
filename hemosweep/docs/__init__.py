"""The documentation: each Markdown file of this folder is a topic, whose first line is its title."""
