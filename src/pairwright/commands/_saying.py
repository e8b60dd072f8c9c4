"""What a command says beside its result, on standard error."""

import click


def say(sentence: str) -> None:
    """Say a sentence under the program's name, so that it is told apart in the log of a script."""
    click.echo(f"pairwright: {sentence}", err=True)
