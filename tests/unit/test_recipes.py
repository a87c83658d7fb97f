"""How each file is processed, and which fingerprint that has."""

from __future__ import annotations

from kbsync.filters import Selection
from kbsync.model import Processing
from kbsync.recipes import Recipes, recipe

PLAIN, GERMAN, OTHER = (Processing(doc_language=name) for name in ("English", "German", "Other"))


def test_the_last_rule_that_selects_counts() -> None:
    """Rules are asked from the last to the first, each by its own last pattern."""
    rules = [
        (Selection("match", ["de/", "*.csv"]), GERMAN),
        (Selection("match", ["*.csv", "!x.csv"]), OTHER),
    ]
    recipes = Recipes(PLAIN, rules)

    found = {
        path: recipes.processing_of(path)
        for path in ("a.md", "de/x/a.md", "a.csv", "x.csv", "de/a.csv")
    }

    assert list(found.values()) == [PLAIN, GERMAN, OTHER, GERMAN, OTHER]
    assert [recipes.rule_of(path) for path in found] == [None, 0, 1, 0, 1]
    assert all(recipes.recipe_of(path) == recipe(used) for path, used in found.items())


def test_a_converter_is_part_of_the_recipe_of_its_types_only() -> None:
    """Another version of a library changes nothing for what the server takes as it is."""
    asked: list[str] = []

    def converter_of(extension: str) -> str:
        asked.append(extension)
        return f"{extension}-2"

    before, after = Recipes(PLAIN), Recipes(PLAIN, converter_of=converter_of)

    assert before.recipe_of("x/a.pdf") == after.recipe_of("x/a.pdf") == recipe(PLAIN)
    assert asked == []
    assert after.recipe_of("x/a.PPTX") == recipe(PLAIN, "pptx-2") != before.recipe_of("x/a.PPTX")
    assert after.recipe_of("b.pptx") == after.recipe_of("a.pptx")
    assert asked == ["pptx"]
