"""The texts that a training object may be called by, and how often it is drawn for them."""

from __future__ import annotations

from collections import Counter

from training.objects import ObjectRecord

COLOURS = frozenset(
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
NO_THINGS = frozenset(
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
"""Head nouns in the objects' names that no one would ask for."""
KINDS = {
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
"""What common speech also calls the things of these head nouns."""
FREQUENT = 4  # objects that share a head noun before the noun alone names them
FULL_WEIGHT = 40  # objects of a noun at which its objects are no longer drawn more often
STRONGEST = 6.0


def caption_variants(record: ObjectRecord, nouns: Counter[str]) -> dict[str, float]:
    """Texts and their probabilities: the whole caption, without colours, bare, the noun alone."""
    noun = head_noun(record.name)
    plain = _without_colours(record.caption)
    texts = [(record.caption, 0.4), (plain, 0.25), (record.name, 0.1)]
    if nouns[noun] >= FREQUENT:
        texts.append((with_article(noun), 0.15))
        colours = [word for word in record.caption.split() if word in COLOURS]
        texts += [(with_article(f"{colours[0]} {noun}"), 0.15)] if colours else []
    texts += [(with_article(kind), 0.15) for kind in kinds(noun)]
    for tag in record.tags:
        if tag != noun and nouns[tag] >= FREQUENT and " " not in tag and tag not in COLOURS:
            texts.append((with_article(tag), 0.05))
    return _normalised(texts)


def tinted_text(record: ObjectRecord, nouns: Counter[str], colour: str) -> str | None:
    """What the object is called in another colour; None where its noun is rare."""
    noun = head_noun(record.name)
    return with_article(f"{colour} {noun}") if nouns[noun] >= FREQUENT else None


def kinds(noun: str) -> list[str]:
    """What else a thing of this head noun is: a taxi is a car, a clownfish a fish."""
    if noun.endswith("fish") and noun != "fish":
        return ["fish"]
    return [kind for kind, members in KINDS.items() if noun in members.split()]


def head_noun(name: str) -> str:
    """The word that says what it is: the last one, where the name does not end in an addition."""
    words = name.split(" with ")[0].split()
    return words[-1] if words else name


def _head_phrase(name: str) -> str:
    """The last two words: "palm tree" of "tall palm tree"."""
    return " ".join(name.split(" with ")[0].split()[-2:])


def count_nouns(records: list[ObjectRecord]) -> Counter[str]:
    """How many objects each head noun, and each noun with the word before it, names."""
    nouns = Counter(head_noun(record.name) for record in records)
    phrases = Counter(_head_phrase(record.name) for record in records)
    return nouns + Counter({phrase: count for phrase, count in phrases.items() if " " in phrase})


def text_weight(record: ObjectRecord, nouns: Counter[str]) -> float:
    """How often an object is drawn for text: more where its noun is common speech but has few
    objects.
    """
    counts = [nouns[head_noun(record.name)], nouns[_head_phrase(record.name)]]
    weights = [max(1.0, FULL_WEIGHT / count) ** 0.75 for count in counts if count >= FREQUENT]
    return min(STRONGEST, max(weights, default=1.0))


def _without_colours(caption: str) -> str:
    words = [word for word in caption.split()[1:] if word not in COLOURS and word != "and"]
    return with_article(" ".join(words))


def with_article(phrase: str) -> str:
    return f"{'an' if phrase[:1] in 'aeiou' else 'a'} {phrase}"


def _normalised(texts: list[tuple[str, float]]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text, weight in texts:
        if weight:
            weights[text] = weights.get(text, 0.0) + weight
    total = sum(weights.values())
    return {text: weight / total for text, weight in weights.items()}
