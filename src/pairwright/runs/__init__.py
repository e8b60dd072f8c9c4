"""A run: one output folder, with its manifest, lock and summary."""
