"""Preference pairs for vision-language models."""
