"""The noun and the colour that a prompt names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...conditioning.text_encoder import EncodedText, TextEncoder
from .color_names import COLOR_SYNONYMS, NAMED_COLORS
from .prompt_words import content_words
from .vocabulary import Vocabulary

REMEDY = "A larger engine will do better."

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
        words = {COLOR_SYNONYMS.get(w, w) for w in prompt.lower().replace(",", " ").split()}
        colors = {COLOR_SYNONYMS.get(w, w) for w in phrase[:-1]}.intersection(NAMED_COLORS)
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
        """The encoded prompt, and a note for the user on its words that the vocabulary lacks."""
        replacement = self._replacement(parsed)
        prompt = parsed.with_noun(replacement) if replacement else parsed.prompt
        return self.text_encoder.encode(prompt), self._notes(parsed, replacement)

    def _replacement(self, parsed: ParsedPrompt) -> str | None:
        """The known noun that stands in for the prompt's own; None where that stays."""
        if not parsed.noun or self.vocabulary.names_known_noun(parsed.prompt):
            return None
        known = self.vocabulary.synonym(parsed.noun)
        return known or self.vocabulary.nearest(self.text_encoder.encode(parsed.noun).pooled)

    def _notes(self, parsed: ParsedPrompt, replacement: str | None) -> tuple[str, ...]:
        words = content_words(parsed.prompt)
        rare = [word for word in words if not self.vocabulary.contains(word)]
        are_like = self.vocabulary.are_like_known(self.text_encoder.embed(rare))
        unknown = [word for word, is_like in zip(rare, are_like, strict=True) if not is_like]
        sentences: list[str] = []
        if replacement and parsed.noun in unknown:
            unknown.remove(parsed.noun)
            sentences.append(f'Sprout takes "{parsed.noun}" for "{replacement}".')
        if unknown:
            sentences.append(f"Sprout does not know {_enumerate_quoted(unknown)}.")
        if not words:
            sentences.append("Sprout finds nothing to make in this prompt.")
        if len(unknown) == len(words):
            pooled = self.text_encoder.encode(parsed.prompt).pooled
            *others, last = self.vocabulary.most_similar(pooled)
            sentences.append(f"Nearest to this prompt, it knows: {', '.join(others)} and {last}.")
        return (" ".join((*sentences, REMEDY)),) if sentences else ()


def _enumerate_quoted(words: list[str]) -> str:
    *others, last = (f'"{word}"' for word in words)
    return f"{', '.join(others)} and {last}" if others else last
