"""Encoders: one feature of an item or user to a vector.

`encoder(kind, name, **config)` makes one by its name in the registry, `names(kind)` lists them:

```python
import tfmm.encoders

print(tfmm.encoders.names("text"))  # ['bag', 'bert', …]
titles = tfmm.encoders.encoder("text", "lstm", dim=64)
```
"""

from tfmm.encoders.audio.audio import AudioCNN
from tfmm.encoders.audio.front_ends import LPC, MFCC, FrontEnd, LogMel
from tfmm.encoders.audio.wav import read_wavs
from tfmm.encoders.base import RESERVED, Encoder
from tfmm.encoders.image.classic import ClassicFeatures
from tfmm.encoders.image.cnn import CNN
from tfmm.encoders.image.efficientnet_lite import EfficientNetLite0
from tfmm.encoders.image.hub_image import KerasHubImage
from tfmm.encoders.image.keras_application import KerasApplication
from tfmm.encoders.image.mid_level import Lite0Mid
from tfmm.encoders.pretrained.base import Pretrained
from tfmm.encoders.pretrained.tf_hub import HubImage, HubText
from tfmm.encoders.projection import VectorProjection
from tfmm.encoders.registry import default, describe, encoder, encoder_class, kinds, names, register
from tfmm.encoders.tabular.embedding import CategoryEmbedding, TagsEmbedding
from tfmm.encoders.tabular.number import PiecewiseNumber
from tfmm.encoders.text.bag import BagOfWords, WordEncoder
from tfmm.encoders.text.bert import Bert, MiniLM
from tfmm.encoders.text.lstm import LSTM
from tfmm.encoders.text.subwords import Subwords
from tfmm.encoders.text.tokenizer import Tokenizer, split_words
from tfmm.encoders.video import VideoFrames

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
