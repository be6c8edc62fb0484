"""Answers worded by a language model of keras-hub, which runs where the client does."""

from __future__ import annotations

from tfmm.encoders.pretrained.hub_models import keras_hub, load_preset
from tfmm.serving.assistant.wording.wording import Draft

_PROMPT = (
    "Rewrite the shop assistant's answer in one or two friendly sentences of the same language "
    "({language}). Keep every product name and number exactly as it is. Add no facts.\n"
    "Answer: {answer}\nRewritten:"
)


class HubWording:
    """Rewords answers by a keras-hub causal language model: a preset's name, a handle or a folder.

    It is given the template's answer and nothing else, no word of the shopper's among it, so that
    nobody can talk it into anything; what it writes is held to the answer's facts (`facts.py`), and
    the template's words are kept where it strays.

    Args:
        preset: "gemma2_instruct_2b_en", "hf://user/model", a folder …
        max_tokens: of the prompt and what is written.
        prompt: what it is asked, with the names {language} and {answer}.

    Raises:
        ValueError: no such preset or folder, or none of a causal language model.
        ModuleNotFoundError: keras-hub is not installed.
    """

    def __init__(self, preset: str, *, max_tokens: int = 256, prompt: str = _PROMPT):
        self._model = load_preset(
            keras_hub().models.CausalLM, preset, "a causal language model", dtype="float32"
        )
        self._model.compile(sampler="greedy")
        self._most = max_tokens
        self._prompt = prompt

    def __call__(self, draft: Draft) -> str:
        """The first paragraph that the model writes behind the prompt."""
        prompt = self._prompt.format(language=draft.language.name, answer=draft.text)
        written = str(self._model.generate(prompt, max_length=self._most))
        # Some models give the prompt back, some only what they wrote.
        return written.removeprefix(prompt).strip().split("\n\n")[0]
