"""Where events go: files, terminal, pictures."""
