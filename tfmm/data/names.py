"""What features and models may be called, and what TensorFlow calls them."""

from __future__ import annotations

import hashlib
import keyword
import re
import unicodedata

#: What a feature's name may be, for messages.
FEATURE_RULE = "use a letter of any script, then letters, digits, _ . -"
#: What a model's name may be, for messages.
MODEL_RULE = "letters of ASCII, digits, _ and -, since it becomes a folder and part of a URL"

_MODEL = re.compile(r"[A-Za-z0-9_-]+")
_SCOPE = re.compile(r"[A-Za-z0-9_./-]+")


def is_feature_name(name: object) -> bool:
    """Whether a feature may be called so; `=` is kept out, which filter terms are cut at."""
    if not isinstance(name, str) or not name:
        return False
    kinds = [unicodedata.category(character)[0] for character in name]
    # Scripts of India and others write vowels as marks.
    rest = zip(name[1:], kinds[1:], strict=True)
    return kinds[0] == "L" and all(kind in "LMN" or c in "_.-" for c, kind in rest)


def is_model_name(name: object) -> bool:
    """Whether a model may be called so."""
    return isinstance(name, str) and bool(_MODEL.fullmatch(name))


def scope_name(name: str) -> str:
    """The name as TensorFlow takes it for a layer or a variable: ASCII, and as distinct as it was.

    Names that TensorFlow takes stay as they are.
    """
    if _SCOPE.fullmatch(name):
        return name
    return _hashed(re.sub(r"[^A-Za-z0-9_./-]+", "_", name).strip("._/-"), name)


def input_name(name: str) -> str:
    """The name as a signature takes it for an input: an identifier of ASCII that Python keeps for
    nothing, and as distinct as it was. Names that are such stay as they are.

    ```python
    assert input_name("brand") == "brand"
    assert input_name("class").startswith("class_") and input_name("my-brand").isidentifier()
    ```
    """
    if name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and name != "self":
        return name
    return _hashed(re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_"), name)


def _hashed(plain: str, name: str) -> str:
    return f"{plain or 'name'}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"
