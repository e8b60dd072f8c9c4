"""``python -m pairwright``."""

from pairwright.cli import main

main()
