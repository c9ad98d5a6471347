"""Caption variants of an object with their probabilities, and its sampling weight for text."""

from __future__ import annotations

from collections import Counter

from training.objects import ObjectRecord

COLOR_WORDS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "teal",
        "blue",
        "purple",
        "pink",
        "brown",
        "beige",
        "gray",
        "black",
        "white",
        "wooden",
        "metal",
        "leather",
    ]
)
NON_OBJECT_NOUNS = frozenset(
    [
        "part",
        "detail",
        "item",
        "corner",
        "base",
        "range",
        "piece",
        "top",
        "support",
        "straight",
        "under",
        "light",
    ]
)
"""Head nouns of object names that name no object."""
HYPONYMS = {
    "car": "sedan taxi suv hatchback coupe convertible limousine jeep wagon racer",
    "truck": "pickup lorry",
    "boat": "rowboat lifeboat sailboat canoe",
    "sofa": "couch settee loveseat",
    "chair": "armchair",
    "table": "desk",
    "cabinet": "cupboard",
    "house": "cottage hut cabin",
    "tree": "pine palm oak birch fir spruce maple willow conifer",
    "rock": "stone boulder",
    "sword": "katana longsword greatsword sabre rapier",
    "gun": "pistol rifle shotgun revolver",
    "dog": "bulldog husky",
    "dinosaur": "triceratops stegosaurus velociraptor",
}
"""Common nouns, and head nouns whose objects they also name."""
MIN_NOUN_COUNT = 4  # objects of a head noun, for the noun alone to be a caption
FULL_NOUN_COUNT = 40  # objects of a noun above which its objects are not oversampled
MAX_TEXT_WEIGHT = 6.0


def caption_variants(record: ObjectRecord, nouns: Counter[str]) -> dict[str, float]:
    """Texts and their probabilities: the caption, without colors, the bare name, nouns alone."""
    noun = head_noun(record.name)
    colorless = _without_colors(record.caption)
    texts = [(record.caption, 0.4), (colorless, 0.25), (record.name, 0.1)]
    if nouns[noun] >= MIN_NOUN_COUNT:
        texts.append((with_article(noun), 0.15))
        colors = [word for word in record.caption.split() if word in COLOR_WORDS]
        texts += [(with_article(f"{colors[0]} {noun}"), 0.15)] if colors else []
    texts += [(with_article(hypernym), 0.15) for hypernym in hypernyms(noun)]
    for tag in record.tags:
        if (
            tag != noun
            and nouns[tag] >= MIN_NOUN_COUNT
            and " " not in tag
            and tag not in COLOR_WORDS
        ):
            texts.append((with_article(tag), 0.05))
    return _normalize(texts)


def recolored_caption(record: ObjectRecord, nouns: Counter[str], color: str) -> str | None:
    """The object's caption in another color; None where its noun is rare."""
    noun = head_noun(record.name)
    return with_article(f"{color} {noun}") if nouns[noun] >= MIN_NOUN_COUNT else None


def hypernyms(noun: str) -> list[str]:
    """More general nouns: car of taxi, fish of clownfish."""
    if noun.endswith("fish") and noun != "fish":
        return ["fish"]
    return [hypernym for hypernym, members in HYPONYMS.items() if noun in members.split()]


def head_noun(name: str) -> str:
    """The last word of a name, before any "with ..."."""
    words = name.split(" with ")[0].split()
    return words[-1] if words else name


def _head_phrase(name: str) -> str:
    """The last two words: "palm tree" of "tall palm tree"."""
    return " ".join(name.split(" with ")[0].split()[-2:])


def count_nouns(records: list[ObjectRecord]) -> Counter[str]:
    """Objects per head noun, and per head noun with the word before it."""
    nouns = Counter(head_noun(record.name) for record in records)
    phrases = Counter(_head_phrase(record.name) for record in records)
    return nouns + Counter({phrase: count for phrase, count in phrases.items() if " " in phrase})


def text_sampling_weight(record: ObjectRecord, nouns: Counter[str]) -> float:
    """Sampling weight for text: larger for common nouns with few objects, 1 to MAX_TEXT_WEIGHT."""
    counts = [nouns[head_noun(record.name)], nouns[_head_phrase(record.name)]]
    weights = [
        max(1.0, FULL_NOUN_COUNT / count) ** 0.75 for count in counts if count >= MIN_NOUN_COUNT
    ]
    return min(MAX_TEXT_WEIGHT, max(weights, default=1.0))


def _without_colors(caption: str) -> str:
    words = [word for word in caption.split()[1:] if word not in COLOR_WORDS and word != "and"]
    return with_article(" ".join(words))


def with_article(phrase: str) -> str:
    return f"{'an' if phrase[:1] in 'aeiou' else 'a'} {phrase}"


def _normalize(texts: list[tuple[str, float]]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text, weight in texts:
        if weight:
            weights[text] = weights.get(text, 0.0) + weight
    total = sum(weights.values())
    return {text: weight / total for text, weight in weights.items()}
