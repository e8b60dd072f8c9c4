"""Annotators: they write judgements. ``pixels`` measures how far an image negative is from its picture."""
