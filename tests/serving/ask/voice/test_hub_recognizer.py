"""keras-hub's speech models, tiny and untrained: what they write is what the models say."""

from __future__ import annotations

import numpy as np
import pytest

from tests.encoders.presets import write_bert
from tests.media import tone, wav
from tfmm.serving.ask.voice import HubRecognizer

LOW, HIGH = tone(300, 0.9), tone(2_500, 0.9)
LETTERS = [*"abcdefghijklmnopqrstuvwxyzĠ", "xy"]
SPECIAL = (
    "<|endoftext|> <|startoftranscript|> <|translate|> <|transcribe|> <|notimestamps|>"
).split()


def whisper_tokenizer(languages: dict[str, int] | None = None):
    import keras_hub

    words = {letter: number for number, letter in enumerate(LETTERS)}
    special = {token: len(words) + number for number, token in enumerate(SPECIAL)}
    return keras_hub.tokenizers.WhisperTokenizer(
        vocabulary=words, merges=["x y"], special_tokens=special, language_tokens=languages
    )


@pytest.fixture(scope="module")
def whisper(tmp_path_factory) -> str:
    """The folder of an untrained Whisper of one layer."""
    import keras
    import keras_hub

    folder = tmp_path_factory.mktemp("whisper")
    keras.utils.set_random_seed(3)
    backbone = keras_hub.models.WhisperBackbone(
        vocabulary_size=len(LETTERS) + len(SPECIAL),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=16,
        num_mels=16,
        max_encoder_sequence_length=100,
        max_decoder_sequence_length=12,
    )
    converter = keras_hub.layers.WhisperAudioConverter(num_mels=16, max_audio_length=1)
    for part in (backbone, whisper_tokenizer(), converter):
        part.save_to_preset(str(folder))
    return str(folder)


def by_the_whole_model(folder: str, sound: np.ndarray, most: int) -> str:
    """What the backbone as keras-hub builds it writes, asked anew for every token."""
    import keras_hub

    backbone = keras_hub.models.Backbone.from_preset(folder)
    converter = keras_hub.layers.AudioConverter.from_preset(folder)
    tokens = whisper_tokenizer()
    # The WAV holds 16 bits.
    samples = np.round(sound * 32_768).astype(np.float32) / 32_768
    written = [tokens.bos_token_id, tokens.no_timestamps_token_id]
    said = ""
    for _ in range(most):
        inputs = {
            "encoder_features": np.asarray(converter(samples[None, :])),
            "decoder_token_ids": np.array([written]),
            "decoder_padding_mask": np.ones([1, len(written)], np.int32),
        }
        last = backbone(inputs)["decoder_sequence_output"][:, -1:]
        scores = np.asarray(backbone.token_embedding(last, reverse=True))[0, 0]
        token = int(np.argmax(scores[: len(LETTERS) + 1]))  # the letters, and the end
        if token == tokens.eos_token_id:
            break
        written.append(token)
        said += LETTERS[token]
    return " ".join(said.replace("Ġ", " ").split())


def test_whisper_writes_the_likeliest_letters(whisper):
    recognizer = HubRecognizer(whisper)
    assert len(recognizer.text(wav(LOW))) > 2
    for sound in (LOW, HIGH):
        # Twelve tokens are all that the model has places for, two of them the prompt.
        assert recognizer.text(wav(sound)) == by_the_whole_model(whisper, sound, 10)


def test_an_answer_is_no_longer_than_asked_and_a_blip_is_no_word(whisper):
    assert HubRecognizer(whisper, max_tokens=2).text(wav(LOW)) == by_the_whole_model(
        whisper, LOW, 2
    )
    assert HubRecognizer(whisper).text(wav(LOW[:800])) == ""


def test_what_is_no_speech_model_is_refused(tmp_path):
    folder = write_bert(tmp_path / "bert")
    with pytest.raises(ValueError, match="is a BertBackbone, which is no speech model"):
        HubRecognizer(folder)
    with pytest.raises(ValueError, match="there is none"):
        HubRecognizer(str(tmp_path / "gone"))


def test_languages_are_those_of_the_preset(whisper, tmp_path):
    from shutil import copytree

    folder = copytree(whisper, tmp_path / "multilingual")
    number = len(LETTERS) + len(SPECIAL)
    whisper_tokenizer({"<|en|>": number}).save_to_preset(str(folder))
    with pytest.raises(ValueError, match="language must be one of en; got 'xx'"):
        HubRecognizer(str(folder), language="xx")


def test_moonshine_writes_the_same_for_the_same_sound(tmp_path):
    import keras
    import keras_hub
    import sentencepiece

    model = tmp_path / "words"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["red shoe", "blue hat"] * 20),
        model_prefix=str(model),
        vocab_size=24,
        model_type="char",
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        minloglevel=2,
    )
    keras.utils.set_random_seed(3)
    backbone = keras_hub.models.MoonshineBackbone(
        vocabulary_size=24,
        filter_dim=16,
        encoder_num_layers=1,
        decoder_num_layers=1,
        hidden_dim=16,
        intermediate_dim=16,
        encoder_num_heads=2,
        decoder_num_heads=2,
    )
    tokenizer = keras_hub.tokenizers.MoonshineTokenizer(f"{model}.model")
    preprocessor = keras_hub.models.MoonshineAudioToTextPreprocessor(
        keras_hub.layers.MoonshineAudioConverter(), tokenizer
    )
    task = keras_hub.models.MoonshineAudioToText(backbone=backbone, preprocessor=preprocessor)
    task.save_to_preset(str(tmp_path / "moonshine"))
    recognizer = HubRecognizer(str(tmp_path / "moonshine"), max_tokens=8)
    task.compile(sampler="greedy")
    samples = np.round(LOW * 32_768).astype(np.float32) / 32_768
    wanted = task.generate({"audio": samples[None, :, None]}, max_length=8)
    wanted = " ".join(str(wanted if isinstance(wanted, str) else wanted[0]).split())
    assert recognizer.text(wav(LOW)) == wanted
