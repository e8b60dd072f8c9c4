"""Encoding: pictures and texts become vectors, each distinct one once, in batches over all rows that are under way."""
