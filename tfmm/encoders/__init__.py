"""Encoders: one feature of an item or user to a vector.

`encoder(kind, name, **config)` makes one by its name in the registry, `names(kind)` lists them:

```python
import tfmm.encoders

print(tfmm.encoders.names("text"))  # ['bag', 'bert', …]
titles = tfmm.encoders.encoder("text", "lstm", dim=64)
```
"""

from tfmm.encoders.audio import AudioCNN
from tfmm.encoders.base import RESERVED, Encoder
from tfmm.encoders.bert import Bert, MiniLM
from tfmm.encoders.classic import ClassicFeatures
from tfmm.encoders.efficientnet_lite import EfficientNetLite0
from tfmm.encoders.embedding import CategoryEmbedding, TagsEmbedding
from tfmm.encoders.front_ends import LPC, MFCC, FrontEnd, LogMel
from tfmm.encoders.hub_image import KerasHubImage
from tfmm.encoders.image import CNN
from tfmm.encoders.keras_application import KerasApplication
from tfmm.encoders.lstm import LSTM
from tfmm.encoders.mid_level import Lite0Mid
from tfmm.encoders.number import PiecewiseNumber
from tfmm.encoders.pretrained import Pretrained
from tfmm.encoders.projection import VectorProjection
from tfmm.encoders.registry import default, describe, encoder, encoder_class, kinds, names, register
from tfmm.encoders.subwords import Subwords
from tfmm.encoders.text import BagOfWords, WordEncoder
from tfmm.encoders.tf_hub import HubImage, HubText
from tfmm.encoders.tokenizer import Tokenizer, split_words
from tfmm.encoders.video import VideoFrames
from tfmm.encoders.wav import read_wavs

__all__ = [
    "CNN",
    "LPC",
    "LSTM",
    "MFCC",
    "RESERVED",
    "AudioCNN",
    "BagOfWords",
    "Bert",
    "CategoryEmbedding",
    "ClassicFeatures",
    "EfficientNetLite0",
    "Encoder",
    "FrontEnd",
    "HubImage",
    "HubText",
    "KerasApplication",
    "KerasHubImage",
    "Lite0Mid",
    "LogMel",
    "MiniLM",
    "PiecewiseNumber",
    "Pretrained",
    "Subwords",
    "TagsEmbedding",
    "Tokenizer",
    "VectorProjection",
    "VideoFrames",
    "WordEncoder",
    "default",
    "describe",
    "encoder",
    "encoder_class",
    "kinds",
    "names",
    "read_wavs",
    "register",
    "split_words",
]
