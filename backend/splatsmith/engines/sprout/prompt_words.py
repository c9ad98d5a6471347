"""The words of a prompt that say what is to be made."""

from __future__ import annotations

import re
import unicodedata

from .color_names import COLOR_SYNONYMS, NAMED_COLORS

_FUNCTION_WORDS = """
    a an the some any something anything everything stuff this that these those
    which who it its his her their my your our and or but not no with without in on of at by for
    from to into onto over under above below near beside behind between through
    around about as like than is are was be being has have
    one two three four five six seven eight nine ten pair lots many several few couple
    very quite rather much more most so too just only
    made make making show shows showing standing sitting lying wearing holding carrying having
    please create generate render want
    """
# An asset has no size until it is placed, and sprout but one style: it leaves these words aside.
_SIZE_AND_STYLE = """
    small large big little tiny huge giant mini miniature tall short long wide thin thick narrow
    old new simple plain nice good beautiful pretty single whole typical ordinary normal style
    3d d lowpoly low poly model asset object thing item prop game ready stylized cartoon render
    image picture photo view front side top isolated centered background high quality detailed
    """
_TRAINED_ADJECTIVES = frozenset({"wooden", "wood", "metal", "leather", "color", "colored"})
_UNSPOKEN = frozenset((_FUNCTION_WORDS + _SIZE_AND_STYLE).split())
_DESCRIPTIONS = _TRAINED_ADJECTIVES | set(NAMED_COLORS) | set(COLOR_SYNONYMS)
_POSSESSIVE = re.compile(r"['\u2019]s?$")


def content_words(prompt: str) -> list[str]:
    """The prompt's words in lower case, in any script, once each; without those that sprout rightly
    leaves aside, and without the colors and materials that it was trained with.
    """
    text = "".join(c if _is_in_word(c) else " " for c in prompt.lower())
    words = (_POSSESSIVE.sub("", word).strip("'\u2019") for word in text.split())
    left_aside = _UNSPOKEN | _DESCRIPTIONS
    return list(dict.fromkeys(word for word in words if word and word not in left_aside))


def _is_in_word(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalpha() or is_mark or character in "'\u2019"


def singulars(word: str) -> set[str]:
    """`word`, and what it is the plural of by the rules: "boxes" of "box", "knives" of "knife"."""
    endings = {"s": ("",), "es": ("",), "ies": ("y",), "ves": ("f", "fe")}
    return {word} | {
        word.removesuffix(ending) + singular
        for ending, singular_endings in endings.items()
        if word.endswith(ending)
        for singular in singular_endings
    }
