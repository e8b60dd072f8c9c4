"""Recipes: one YAML per published system."""
