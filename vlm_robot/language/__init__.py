"""Language models that score and generate: one protocol, three backends."""
