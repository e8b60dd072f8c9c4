"""Builders: one way of construction per file."""
