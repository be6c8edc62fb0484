"""Speech recognition by keras-hub's Whisper and Moonshine."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmm.encoders.pretrained.hub_models import (
    keras_hub,
    load_backbone,
    load_preset,
    load_tokenizer,
)
from tfmm.serving.ask.query_sound import Sound
from tfmm.serving.ask.voice.recognizer import RATE, speech


class HubRecognizer:
    """A keras-hub speech model by preset name, hub handle or folder.

    Whisper (Radford et al., "Robust speech recognition via large-scale weak supervision", 2022) in
    its English and multilingual presets, Moonshine (Jeffries et al., 2024) in its own; each writes
    the likeliest next token until it ends.

    Args:
        preset: `whisper_base_en`, `moonshine_base_en`, "hf://user/model", a folder …
        language: of a multilingual Whisper, such as "en" or "zh".
        max_tokens: of an answer.

    Raises:
        ValueError: no such preset or folder, no speech model, or a language that it does not know.
        ModuleNotFoundError: keras-hub is not installed.
    """

    def __init__(self, preset: str, *, language: str = "en", max_tokens: int = 64):
        backbone = load_backbone(preset, "float32")
        self._write: Any
        name = type(backbone).__name__
        if name == "WhisperBackbone":
            self._write = _Whisper(preset, backbone, language, max_tokens).write
        elif name == "MoonshineBackbone":
            self._write = _Moonshine(preset, max_tokens).write
        else:
            raise ValueError(
                f"preset {preset!r} is a {name}, which is no speech model that writes words: "
                "expected a Whisper or a Moonshine."
            )

    def text(self, audio: Sound) -> str:
        """As `Recognizer.text`."""
        samples = speech(audio)
        # Less than a tenth of a second is no word, and Moonshine's convolutions need as much.
        if len(samples) < RATE // 10:
            return ""
        return " ".join(self._write(samples).split())


class _Whisper:
    def __init__(self, preset: str, backbone: Any, language: str, max_tokens: int):
        import keras

        self._backbone = backbone
        self._tokenizer = tokens = load_tokenizer(preset)
        self._hear = load_preset(keras_hub().layers.AudioConverter, preset, "an audio converter")
        self._encoder = keras.Model(
            backbone.input["encoder_features"],
            backbone.output["encoder_sequence_output"],
            name="encoder",
        )
        prompt = [tokens.bos_token_id]
        languages = tokens.language_tokens
        if languages:
            if f"<|{language}|>" not in languages:
                known = ", ".join(sorted(name.strip("<|>") for name in languages))
                raise ValueError(f"language must be one of {known}; got {language!r}.")
            prompt += [languages[f"<|{language}|>"], tokens.transcribe_token_id]
        self._prompt = [*prompt, tokens.no_timestamps_token_id]
        room = backbone.max_decoder_sequence_length - len(self._prompt)
        self._most = min(max_tokens, room)
        words = np.full(backbone.vocabulary_size, -np.inf, np.float32)
        silent = {*tokens.special_token_ids, *(languages or {}).values()}
        spoken = [i for i in tokens.vocabulary.values() if i not in silent]
        words[[i for i in spoken if i < len(words)]] = 0
        words[tokens.eos_token_id] = 0
        self._only_words = words

    def write(self, samples: np.ndarray) -> str:
        # [1, T, mels] to [1, T / 2, D], once a question.
        heard = self._encoder(np.asarray(self._hear(samples[None, :]), np.float32), training=False)
        written = list(self._prompt)
        for _ in range(self._most):
            token = int(np.argmax(self._next(heard, written) + self._only_words))
            if token == self._tokenizer.eos_token_id:
                break
            written.append(token)
        return str(self._tokenizer.detokenize(written[len(self._prompt) :]))

    def _next(self, heard: Any, written: list[int]) -> np.ndarray:
        backbone = self._backbone
        x = backbone.decoder_embeddings(np.array([written], np.int32))
        for layer in backbone.decoder_transformer_layers:
            x = layer(decoder_sequence=x, encoder_sequence=heard, training=False)
        x = backbone.decoder_layer_norm(x[:, -1:])
        return np.asarray(backbone.token_embedding(x, reverse=True))[0, 0]


class _Moonshine:
    def __init__(self, preset: str, max_tokens: int):
        # Without a dtype keras-hub fails on presets that keep theirs as a name.
        self._model = load_preset(
            keras_hub().models.MoonshineAudioToText, preset, "a speech model", dtype="float32"
        )
        self._model.compile(sampler="greedy")
        self._most = max_tokens

    def write(self, samples: np.ndarray) -> str:
        answer = self._model.generate({"audio": samples[None, :, None]}, max_length=self._most)
        return str(answer[0] if isinstance(answer, (list, tuple, np.ndarray)) else answer)
