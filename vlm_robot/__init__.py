"""Robots that are told what to do in plain language: see README.md for the map of the rooms."""

__version__ = '0.1.0'
