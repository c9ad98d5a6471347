"""What a prompt names: the thing, and the colour that it is asked to have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...conditioning.text_encoder import EncodedText, TextEncoder
from .color_names import HUES
from .vocabulary import Vocabulary

# With these begins what is said of something else than the thing itself.
_FURTHER = frozenset(
    {
        "with",
        "without",
        "in",
        "on",
        "of",
        "at",
        "by",
        "for",
        "from",
        "over",
        "under",
        "near",
        "beside",
        "behind",
        "made",
        "that",
        "which",
        "wearing",
        "holding",
        "carrying",
        "standing",
        "sitting",
    }
)
_ENUMERATING = frozenset({"and", "or"})
_ARTICLES = frozenset({"a", "an", "the", "some"})
_SPELLED = {"grey": "gray", "violet": "purple", "crimson": "red", "scarlet": "red"}
_SPELLED |= {"turquoise": "teal", "cyan": "teal", "magenta": "pink", "tan": "beige"}


@dataclass(frozen=True)
class Wording:
    """A prompt, read as English says it: adjectives before the thing, all else behind it."""

    prompt: str
    thing: str  # the noun; nothing where an enumeration leaves in doubt which it is
    color: str | None  # one of HUES that the thing is asked to have, if just one is named

    @classmethod
    def of(cls, prompt: str) -> Wording:
        """Read a prompt: "a red chair with a blue cushion" names a chair, and red."""
        head: list[str] = []
        sure = True
        for word in re.findall(r"[^\s,;.:!?\"]+|[,;.:!?]", prompt.lower()):
            sure = word not in _ENUMERATING and word[0].isalnum()
            if not sure or word in _FURTHER:
                break
            head.append(word)
        named = {_SPELLED.get(word, word) for word in prompt.lower().replace(",", " ").split()}
        asked = {_SPELLED.get(word, word) for word in head[:-1]}.intersection(HUES)
        one = len(asked) == len(named.intersection(HUES)) == 1
        thing = head[-1] if head and sure and head[-1] not in _ARTICLES else ""
        return cls(prompt, thing, asked.pop() if one else None)

    def naming(self, thing: str) -> str:
        """The prompt with another name for the thing, and the article that it takes."""
        whole = re.compile(rf"\b(?:(a)n?\s+)?{re.escape(self.thing)}\b", re.IGNORECASE)
        article = "n " if thing[0] in "aeiou" else " "

        def named(found: re.Match[str]) -> str:
            return f"{found[1]}{article}{thing}" if found[1] else thing

        return whole.sub(named, self.prompt, count=1)


@dataclass(frozen=True)
class Reader:
    """Encodes prompts in the words that training had: "a car" for "an automobile"."""

    texts: TextEncoder
    vocabulary: Vocabulary

    def read(self, wording: Wording) -> tuple[EncodedText, tuple[str, ...]]:
        """What the denoiser is told, and a remark where the thing is far from all that is known."""
        read = self.texts.encode(wording.prompt)
        remarks = self.vocabulary.remark(wording.prompt, read.pooled)
        if not wording.thing or self.vocabulary.names_one(wording.prompt):
            return read, remarks
        if known := self.vocabulary.stand_in(wording.thing):
            taken = f'Sprout takes "{wording.thing}" for "{known}". A larger engine will do better.'
            return self.texts.encode(wording.naming(known)), (taken,) if remarks else ()
        known = self.vocabulary.nearest(self.texts.encode(wording.thing).pooled)
        return self.texts.encode(wording.naming(known)) if known else read, remarks
