"""The noun and the colour that a prompt names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...conditioning.text_encoder import EncodedText, TextEncoder
from .color_names import NAMED_COLORS
from .vocabulary import Vocabulary

# Words that end the noun phrase: what follows describes something else.
_PHRASE_ENDS = frozenset(
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
_CONJUNCTIONS = frozenset({"and", "or"})
_ARTICLES = frozenset({"a", "an", "the", "some"})
_COLOR_SYNONYMS = {"grey": "gray", "violet": "purple", "crimson": "red", "scarlet": "red"}
_COLOR_SYNONYMS |= {"turquoise": "teal", "cyan": "teal", "magenta": "pink", "tan": "beige"}


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt with the head noun of its first noun phrase.

    noun: "" where a conjunction or comma leaves it in doubt.
    color: one of NAMED_COLORS among the noun's adjectives, if the prompt names just one.
    """

    prompt: str
    noun: str
    color: str | None

    @classmethod
    def parse(cls, prompt: str) -> ParsedPrompt:
        """In "a red chair with a blue cushion" the noun is the chair."""
        phrase: list[str] = []
        is_certain = True
        for word in re.findall(r"[^\s,;.:!?\"]+|[,;.:!?]", prompt.lower()):
            is_certain = word not in _CONJUNCTIONS and word[0].isalnum()
            if not is_certain or word in _PHRASE_ENDS:
                break
            phrase.append(word)
        words = {_COLOR_SYNONYMS.get(w, w) for w in prompt.lower().replace(",", " ").split()}
        colors = {_COLOR_SYNONYMS.get(w, w) for w in phrase[:-1]}.intersection(NAMED_COLORS)
        has_one = len(colors) == len(words.intersection(NAMED_COLORS)) == 1
        noun = phrase[-1] if phrase and is_certain and phrase[-1] not in _ARTICLES else ""
        return cls(prompt, noun, colors.pop() if has_one else None)

    def with_noun(self, noun: str) -> str:
        """The prompt with another noun, and the indefinite article that it takes."""
        pattern = re.compile(rf"\b(?:(a)n?\s+)?{re.escape(self.noun)}\b", re.IGNORECASE)
        article = "n " if noun[0] in "aeiou" else " "

        def substitute(match: re.Match[str]) -> str:
            return f"{match[1]}{article}{noun}" if match[1] else noun

        return pattern.sub(substitute, self.prompt, count=1)


@dataclass(frozen=True)
class PromptEncoder:
    """Encodes prompts after replacing unknown nouns by the vocabulary's: "automobile" by "car"."""

    text_encoder: TextEncoder
    vocabulary: Vocabulary

    def encode(self, parsed: ParsedPrompt) -> tuple[EncodedText, tuple[str, ...]]:
        """The encoded prompt, and a note for the user where its noun is unlike every known one."""
        encoded = self.text_encoder.encode(parsed.prompt)
        notes = self.vocabulary.note_if_unknown(parsed.prompt, encoded.pooled)
        if not parsed.noun or self.vocabulary.names_known_noun(parsed.prompt):
            return encoded, notes
        if known := self.vocabulary.synonym(parsed.noun):
            note = f'Sprout takes "{parsed.noun}" for "{known}". A larger engine will do better.'
            return self.text_encoder.encode(parsed.with_noun(known)), (note,) if notes else ()
        known = self.vocabulary.nearest(self.text_encoder.encode(parsed.noun).pooled)
        return self.text_encoder.encode(parsed.with_noun(known)) if known else encoded, notes
