"""From pixels to things: detection and lifting."""
