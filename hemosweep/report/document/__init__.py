"""Report of a study as a document: HTML, Markdown and LaTeX."""
