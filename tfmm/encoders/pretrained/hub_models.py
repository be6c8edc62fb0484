"""Loads keras-hub's models: by preset name, hub handle or folder, Hugging Face folders included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfmm.encoders.cache import folder_digest


def keras_hub() -> Any:
    """The package keras-hub (also known as keras-nlp), imported when it is first needed.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        import keras_hub as package
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"This encoder needs the package keras-hub ({error}). To resolve this, "
            "pip install keras-hub."
        ) from error
    return package


def load_backbone(preset: str, dtype: str) -> Any:
    """A keras-hub backbone with its weights.

    Args:
        preset: a preset's name, a hub handle ("hf://…", "kaggle://…") or a local folder.
        dtype: name of the dtype policy.

    Raises:
        ValueError: no such preset or folder, or weights that do not fit.
        ModuleNotFoundError: a package that loading needs is not installed.
    """
    check_preset(preset)
    return _load(keras_hub().models.Backbone, preset, "a backbone", dtype=dtype)


def load_tokenizer(preset: str) -> Any:
    """The tokenizer of a preset, see `load_backbone`."""
    check_preset(preset)
    tokenizer = _load(keras_hub().tokenizers.Tokenizer, preset, "a tokenizer")
    # Hugging Face's uncased BERTs strip accents unless told not to; keras-hub does not read that,
    # and every word with an accent would be unknown.
    file = Path(preset) / "tokenizer_config.json"
    if file.is_file() and hasattr(tokenizer, "strip_accents"):
        config = json.loads(file.read_text(encoding="utf-8"))
        strip = config.get("strip_accents")
        tokenizer.strip_accents = config.get("do_lower_case", False) if strip is None else strip
    return tokenizer


def load_preset(kind: Any, preset: str, what: str, **options: Any) -> Any:
    """Anything else that keras-hub loads from a preset, see `load_backbone`.

    Args:
        kind: its class, such as `keras_hub.models.AudioToText`.
        preset: as `load_backbone`.
        what: what it is called in errors, with its article.
        options: of its `from_preset`.
    """
    check_preset(preset)
    return _load(kind, preset, what, **options)


def load_image_converter(preset: str) -> Any | None:
    """What scales pictures for a preset; None where it brings nothing of the kind."""
    check_preset(preset)
    try:
        return keras_hub().layers.ImageConverter.from_preset(preset)
    except (ValueError, FileNotFoundError):
        return None


def identify(preset: str) -> str:
    """What tells a preset's weights from others': a folder's content, else its name."""
    check_preset(preset)
    return folder_digest(Path(preset)) if Path(preset).is_dir() else preset


def check_preset(preset: str) -> None:
    """Refuses what cannot be a preset, with what to give instead.

    Raises:
        ValueError: naming the preset or folder.
    """
    if not isinstance(preset, str) or not preset:
        raise ValueError(
            f"preset must name what to load, but got {preset!r}: a keras-hub preset "
            "('bert_base_en_uncased'), a hub handle ('hf://user/model') or a local folder."
        )
    folder = Path(preset)
    looks_local = preset.startswith((".", "/", "~")) or folder.exists()
    if looks_local and not folder.is_dir():
        raise ValueError(f"preset {preset!r} looks like a local folder, but there is none.")
    if looks_local and not (folder / "config.json").is_file():
        raise ValueError(
            f"The folder {preset!r} holds no config.json, so it is no preset: expected a folder "
            "written by keras-hub's save_to_preset, or a Hugging Face model with its safetensors."
        )


def _load(kind: Any, preset: str, what: str, **options: Any) -> Any:
    try:
        return kind.from_preset(preset, **options)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Loading {what} from {preset!r} needs a package that is not installed: {error}. To "
            f"resolve this, pip install {error.name}."
        ) from error
    # keras-hub raises whatever the file at fault makes NumPy, h5py or json raise.
    except Exception as error:
        raise ValueError(
            f"Cannot load {what} from {preset!r}: {error}. Check that the name or folder is right, "
            "that its files are whole and belong together, and, for a name or handle, that this "
            "machine reaches the hub."
        ) from error
