import struct
import sys

import numpy as np
import pytest
from PIL import Image

from tests.media import tone, wav, write_clip, write_gif
from tfmm.data.media import video
from tfmm.data.media.video import SIDE, VideoDecodeError, sample_frames, why_corrupt

FORMS = {"a.mp4": "libx264", "a.webm": "libvpx-vp9", "a.mkv": "ffv1", "a.avi": "mpeg4"}


@pytest.fixture
def av():
    return pytest.importorskip("av", reason="needs tfmm[video]")


def greys(n, height=48, width=64):
    """Frames whose grey tells their place: 20 + 2 · place."""
    frames = np.zeros((n, height, width, 3), np.uint8)
    frames[:] = (20 + 2 * np.arange(n))[:, None, None, None]
    return frames


def places(frames):
    return [round((np.asarray(frame).mean() - 20) / 2) for frame in frames]


@pytest.mark.parametrize(("name", "codec"), FORMS.items())
def test_frames_are_spread_evenly_over_a_clip(av, tmp_path, name, codec):
    path = write_clip(tmp_path / name, greys(96), codec)
    assert why_corrupt(str(path)) == ""
    for count, expected in ((1, [48]), (4, [12, 36, 60, 84]), (8, [*range(6, 96, 12)])):
        frames = sample_frames(path, count)
        assert {frame.size for frame in frames} == {(64, 48)}
        np.testing.assert_allclose(places(frames), expected, atol=2)


@pytest.mark.parametrize(("name", "codec"), FORMS.items())
def test_a_short_clip_gives_each_frame_once(av, tmp_path, name, codec):
    path = write_clip(tmp_path / name, greys(3), codec)
    np.testing.assert_allclose(places(sample_frames(path, 8)), [0, 1, 2], atol=1)


def test_only_what_leads_to_a_wanted_frame_is_decoded(av, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4", greys(96))
    decoded, original = [], video._time

    def counted(part):
        if isinstance(part, av.VideoFrame):
            decoded.append(part)
        return original(part)

    monkeypatch.setattr(video, "_time", counted)
    np.testing.assert_allclose(places(sample_frames(path, 2)), [24, 72], atol=1)
    assert len(decoded) < 24


def test_large_frames_are_made_smaller(av, tmp_path):
    path = write_clip(tmp_path / "a.mp4", greys(2, 360, 1024))
    assert {frame.size for frame in sample_frames(path, 2)} == {(SIDE, 180)}


def test_the_camera_orientation_is_applied(av, tmp_path):
    frames = np.full((2, 48, 64, 3), 255, np.uint8)
    frames[:, :, :32] = 0
    path = write_clip(tmp_path / "a.mp4", frames)
    data = path.read_bytes()
    # The matrix of the track's header: a quarter turn clockwise, as telephones write it.
    plain = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])
    pixels = np.asarray(sample_frames(path, 1)[0])
    assert pixels.shape == (64, 48, 3)
    assert pixels[:30].mean() < 10
    assert pixels[-30:].mean() > 245


@pytest.mark.parametrize(("name", "codec"), FORMS.items())
def test_a_clip_that_is_cut_short_is_refused_by_name(av, tmp_path, name, codec):
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / name, noise, codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert why_corrupt(str(path)).startswith(f"cannot decode {path} as a video: ")
    with pytest.raises(VideoDecodeError, match=f"cannot decode .*{name} as a video"):
        sample_frames(path, 4)


def test_a_clip_without_its_end_says_how_much_there_is(av, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / "a.webm", noise, "libvpx-vp9")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "it is cut short: 4.0 s expected, " in why_corrupt(str(path))


@pytest.mark.parametrize("data", [b"", b"hello", bytes(9_000)], ids=["empty", "text", "zeros"])
def test_bytes_that_are_no_video_are_refused(av, tmp_path, data):
    (tmp_path / "a.mp4").write_bytes(data)
    assert "a.mp4 as a video: " in why_corrupt(str(tmp_path / "a.mp4"))


def test_sound_alone_is_no_video(av, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(tone(440, 0.2)))
    assert why_corrupt(str(tmp_path / "a.wav")).endswith("a.wav as a video: it has no pictures")
    assert "No such file" in why_corrupt(str(tmp_path / "none.mp4"))


def test_video_without_pyav_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(bytes(99))
    with pytest.raises(ModuleNotFoundError, match=r"a\.mp4 is no .*pip install 'tfmm\[video\]'"):
        why_corrupt(str(tmp_path / "a.mp4"))


def test_animated_pictures_need_no_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    frames = greys(24)
    gif = write_gif(tmp_path / "a.gif", frames)
    np.testing.assert_allclose(places(sample_frames(gif, 4)), [3, 9, 15, 21], atol=1)
    first, *others = map(Image.fromarray, frames)
    for name in ("a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=others, lossless=True)
        found = sample_frames(tmp_path / name, 4)
        np.testing.assert_allclose(places(found), [3, 9, 15, 21], atol=1)
    Image.fromarray(frames[7]).save(tmp_path / "still.png")
    assert places(sample_frames(tmp_path / "still.png", 4)) == [7]


def test_an_animated_picture_that_is_cut_short_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    data = write_gif(tmp_path / "a.gif", noise).read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoDecodeError, match=r"cannot decode .*a\.gif as a video"):
        sample_frames(tmp_path / "a.gif", 2)
