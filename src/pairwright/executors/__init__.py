"""Executors: where shards run."""
