"""PixelLLM: words tied to pixels, both ways."""
