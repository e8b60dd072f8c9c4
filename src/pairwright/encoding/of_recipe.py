"""What of a recipe concerns encoders; of one that encodes nothing it is empty."""

from collections.abc import Mapping
from pathlib import Path

from pairwright.annotators._encoding import EncoderSettings, check_encoders, packages_of
from pairwright.builders import Asks, Built, ConstructEncoding, Encodes, EncodingBuilder, Neighbours
from pairwright.encoding.store import NAME
from pairwright.recipe import Recipe
from pairwright.schemas.errors import ParameterError, RecipeError
from pairwright.schemas.source_row import SourceRow


def encoders_of(recipe: Recipe) -> Mapping[str, EncoderSettings]:
    """Return the encoders that will be used, by where they stand in ``parameters``."""
    if not isinstance(recipe.builder, EncodingBuilder):
        return {}
    encoders: Mapping[str, EncoderSettings] = recipe.builder.encoders(recipe.parameters)
    return encoders


def check_encoders_of(recipe: Recipe) -> None:
    """Check that the encoders can be loaded, as far as that is known without loading them.

    Raises:
        RecipeError: there is no such model, or none of such weights.
        MissingExtraError: a package is not installed.
    """
    try:
        check_encoders(encoders_of(recipe))
    except ParameterError as error:
        raise RecipeError(recipe.name, [str(error)]) from error


def packages_of_encoders(recipe: Recipe) -> tuple[str, ...]:
    """Return the distributions of the encoders, whose versions decide which rows come out."""
    return packages_of(encoders_of(recipe))


def vectors_of(recipe: Recipe) -> Path:
    """Return the file of vectors: beside the response store, which several runs may share."""
    return recipe.responses().with_name(NAME)


def construct_of(recipe: Recipe, *, counting: bool = False) -> ConstructEncoding:
    """Return the function that every source row goes through, of a builder that asks models or encodes.

    With ``counting``, models and encoders will only count.
    """
    if isinstance(recipe.builder, EncodingBuilder):
        return recipe.construct_encoding(counting=counting)
    asking = recipe.construct_asking()

    async def construct(row: SourceRow, neighbours: Neighbours, asks: Asks, encodes: Encodes) -> Built:
        return await asking(row, asks)

    return construct
