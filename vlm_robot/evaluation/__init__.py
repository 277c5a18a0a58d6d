"""Suites, metrics and reports: what is measured, how sure we are of it, and what went wrong."""
