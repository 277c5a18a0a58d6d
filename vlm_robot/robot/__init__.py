"""The robot's body: protocols and the limits that wrap it."""
