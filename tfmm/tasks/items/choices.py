"""The layers that a run file chooses by name, and what JSON schema says of them."""

from __future__ import annotations

from typing import Annotated, Any, cast

from tfmm.config import ToldAs


def _encoder() -> Any:
    from tfmm.encoders.forms import encoder_form

    return encoder_form()


def _encoders() -> Any:
    form, listed = _encoder(), cast(Any, list)
    return form | listed[form]


def _fusion() -> Any:
    from tfmm.layers.fusion.forms import fusion_form

    return fusion_form()


#: A registered name, or a mapping `{name: …, …its arguments}`.
EncoderChoice = Annotated[Any, ToldAs(_encoder)]
#: An encoder, or a list of encoders.
EncodersChoice = Annotated[Any, ToldAs(_encoders)]
#: A registered name, or a mapping `{name: …, …its arguments}`.
FusionChoice = Annotated[Any, ToldAs(_fusion)]
