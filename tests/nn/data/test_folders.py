import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.errors import DataError


def picture(brightness: int = 100, size=(4, 3), mode: str = "L", kind: str = "png") -> bytes:
    """An image file; for RGB the first channel has the brightness."""
    image = Image.new("L", size, brightness)
    if mode in ("RGB", "RGBA", "CMYK"):
        image = Image.merge("RGB", (image, Image.new("L", size, 7), Image.new("L", size, 9)))
    file = io.BytesIO()
    image.convert(mode).save(file, kind)
    return file.getvalue()


SKY = {"day/1.png": picture(200), "day/2.png": picture(190), "night/1.png": picture(20)}


@pytest.fixture(params=["folder", "zip"])
def write(request, tmp_path) -> Callable[..., Path]:
    """A function that writes files, given as {name: content}, into a folder or a zip archive."""

    def in_folder(files: dict[str, bytes], name: str = "sky") -> Path:
        for file, content in files.items():
            path = tmp_path / name / file
            if file.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / name

    def in_archive(files: dict[str, bytes], name: str = "sky") -> Path:
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        return path

    return in_folder if request.param == "folder" else in_archive


def place(path: Path, name: str) -> str:
    """How messages name a file in what `write` wrote."""
    return f"{path}, {name}" if path.suffix == ".zip" else f"{path / name}"


def refusal(path: Path, **settings) -> str:
    with pytest.raises(DataError) as caught:
        nn.data.image_folder(path, **settings)
    return str(caught.value)


def test_each_folder_is_a_class(write):
    path = write(SKY)
    data = nn.data.image_folder(path)
    assert data.inputs.shape == (3, 1, 3, 4)
    assert data.inputs.dtype == np.uint8
    assert data.inputs[:, 0, 0, 0].tolist() == [200, 190, 20]
    assert data.targets.tolist() == [0, 0, 1]
    assert data.targets.dtype == np.int64
    assert data.classes == ("day", "night")
    assert data.image_shape == (3, 4)
    assert data.name == "sky"
    assert data.source == f"sky: read from {path}."


def test_numbers_in_names_count_as_numbers(write):
    names = ["10", "9", "1", "2"]
    files = {f"{c}/{i}.png": picture(10 * int(c) + int(i)) for c in names for i in names}
    data = nn.data.image_folder(write(files))
    assert data.classes == ("1", "2", "9", "10")
    expected = [10 * c + i for c in (1, 2, 9, 10) for i in (1, 2, 9, 10)]
    assert data.inputs[:, 0, 0, 0].tolist() == expected


def test_a_subfolder_holds_the_classes(write):
    path = write({f"train/{name}": content for name, content in SKY.items()} | {"test/a/1": b""})
    data = nn.data.image_folder(path, subfolder="train")
    assert data.classes == ("day", "night")
    assert nn.data.image_folder(path, subfolder="train/").inputs.tolist() == data.inputs.tolist()


def test_the_channels_of_colour_images_are_red_green_blue(write):
    data = nn.data.image_folder(write({"a/1.png": picture(100, mode="RGB")}))
    assert data.inputs.shape == (1, 3, 3, 4)
    assert data.inputs[0, :, 0, 0].tolist() == [100, 7, 9]
    assert data.image_shape == (3, 3, 4)


def test_one_image_with_colours_gives_all_images_three_channels(write):
    data = nn.data.image_folder(
        write({"a/1.png": picture(50), "b/1.png": picture(100, mode="RGB")})
    )
    assert data.inputs[:, :, 0, 0].tolist() == [[50, 50, 50], [100, 7, 9]]


def test_grey_decides_about_the_channels(write):
    path = write({"a/1.png": picture(50), "b/1.png": picture(100, mode="RGB")})
    assert nn.data.image_folder(path, grey=True).inputs.shape == (2, 1, 3, 4)
    path = write({"a/1.png": picture(50)}, "other")
    assert nn.data.image_folder(path, grey=False).inputs[0, :, 0, 0].tolist() == [50, 50, 50]


def test_one_bit_is_0_or_255(write):
    image = Image.new("1", (3, 2), 1)
    image.putpixel((1, 0), 0)
    file = io.BytesIO()
    image.save(file, "bmp")
    data = nn.data.image_folder(write({"a/1.bmp": file.getvalue()}))
    assert data.inputs.tolist() == [[[[255, 0, 255], [255, 255, 255]]]]


def test_names_of_the_classes_may_be_given(write):
    path = write(SKY)
    assert nn.data.image_folder(path, classes="日夜").classes == ("日", "夜")
    assert refusal(path, classes="日") == (
        f"{path}: 1 names for the 2 class folders day, night; give one name for each"
    )


def test_what_systems_leave_behind_is_no_image(write):
    junk = dict.fromkeys(
        [".DS_Store", "day/.DS_Store", "day/Thumbs.db", ".git/a/1", "__MACOSX/day/._1.png",
         "desktop.ini", "labels.txt"],
        b"junk",
    )  # fmt: skip
    assert len(nn.data.image_folder(write(SKY | junk))) == 3


# what is wrong is named


def test_a_corrupt_image_is_named(write):
    path = write(SKY | {"day/3.png": SKY["day/1.png"][:-20]})
    assert refusal(path).startswith(f"{place(path, 'day/3.png')}: cannot be read (")


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_is_no_image_is_named(write, content):
    path = write(SKY | {"day/notes.txt": content})
    assert refusal(path) == (
        f"{place(path, 'day/notes.txt')}: not an image that can be read; replace or remove it"
    )


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif"])
def test_no_truncated_image_passes(write, kind):
    image = Image.fromarray(np.random.default_rng(0).integers(256, size=(30, 40), dtype=np.uint8))
    file = io.BytesIO()
    image.save(file, kind)
    content = file.getvalue()
    whole = nn.data.image_folder(write({"a/1": content}, "whole")).inputs
    for length in (10, len(content) // 4, len(content) // 2, len(content) * 3 // 4):
        path = write({"a/1": content[:length]}, f"cut{length}")
        assert place(path, "a/1") in refusal(path)
    assert whole.shape[-2:] == (30, 40)


def test_an_image_of_another_size_is_named_with_both_sizes(write):
    path = write(SKY | {"night/2.png": picture(size=(4, 5))})
    assert refusal(path) == (
        f"{place(path, 'night/2.png')}: has 4 x 5 pixels, but {place(path, 'day/1.png')} has "
        "4 x 3; give all images the same size, with "
        "transform=Compose(Resize(32), CenterCrop(32)) for example"
    )


def test_an_image_with_16_bits_is_named(write):
    file = io.BytesIO()
    Image.fromarray(np.zeros((3, 4), np.uint16)).save(file, "png")
    path = write(SKY | {"day/3.png": file.getvalue()})
    assert refusal(path) == (
        f"{place(path, 'day/3.png')}: has more than 8 bits per pixel; save it with 8 bits"
    )


def test_transparency_is_refused_unless_nothing_is_transparent(write):
    opaque = picture(100, mode="RGBA")
    assert nn.data.image_folder(write({"a/1.png": opaque})).inputs[0, :, 0, 0].tolist() == [
        100, 7, 9
    ]  # fmt: skip
    file = io.BytesIO()
    Image.new("RGBA", (4, 3), (1, 2, 3, 254)).save(file, "png")
    path = write({"a/1.png": file.getvalue()}, "glass")
    assert "is partly transparent" in refusal(path)


def test_a_class_without_images_is_named(write):
    path = write(SKY | {"dusk/": b""})
    assert refusal(path) == (
        f"{place(path, 'dusk')}: this class has no images; add some, or remove the folder"
    )


def test_images_beside_the_class_folders_are_not_lost_in_silence(write):
    path = write(SKY | {"3.PNG": picture()})
    assert refusal(path) == (
        f"{place(path, '3.PNG')}: this image is in no class folder; put it into that of its class"
    )


def test_a_folder_within_a_class_says_to_name_the_subfolder(write):
    path = write({f"train/{name}": content for name, content in SKY.items()})
    message = refusal(path)
    assert message.startswith(f"{place(path, 'train/day')}: is a folder inside of the folder train")
    assert "`subfolder`" in message


@pytest.mark.parametrize("files", [{}, {"labels.txt": b"day"}, {"./": b""}])
def test_no_class_folders_are_an_error(write, files, tmp_path):
    (tmp_path / "sky").mkdir()
    message = refusal(write(files))
    assert "has no class folders" in message or "the archive is empty" in message


def test_a_path_that_is_nowhere_is_named(tmp_path):
    assert refusal(tmp_path / "sky") == (
        f"{tmp_path / 'sky'}: there is no such folder or zip archive; check the path"
    )


def test_a_missing_subfolder_is_named(write):
    path = write(SKY)
    message = refusal(path, subfolder="train")
    assert ("has no folder train, only day, night" in message) or (str(path / "train") in message)


@pytest.mark.parametrize("content", [b"", b"no archive", "cut"])
def test_a_file_that_is_no_zip_archive_is_named(tmp_path, content):
    path = tmp_path / "sky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("day/1.png", SKY["day/1.png"])
    path.write_bytes(path.read_bytes()[:-30] if content == "cut" else content)
    message = refusal(path)
    assert message.startswith(f"{path}: cannot be read as a zip archive (")
    assert "give a folder, or an intact archive" in message


def test_a_damaged_member_of_an_archive_is_named(tmp_path):
    path = tmp_path / "sky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in SKY.items():
            archive.writestr(name, content)
    content = bytearray(path.read_bytes())
    content[content.index(SKY["day/2.png"]) + 40] ^= 1  # one bit; the checksum notices
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}, day/2.png: cannot be read (Bad CRC-32")


def test_an_encrypted_member_of_an_archive_is_named(tmp_path):
    path = tmp_path / "sky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("day/1.png", SKY["day/1.png"])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1  # the flag that says so
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}, day/1.png: cannot be read (")


def test_an_image_that_vanished_is_named(tmp_path):
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "1.png").symlink_to(tmp_path / "nowhere.png")
    assert refusal(tmp_path) == (
        f"{tmp_path / 'day' / '1.png'}: cannot be read (No such file or directory); "
        "replace or remove it"
    )


def test_without_pillow_the_message_says_what_to_install(write, monkeypatch):
    path = write(SKY)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"reading images needs pillow.*pip install pillow"):
        nn.data.image_folder(path)


def test_on_a_terminal_a_bar_shows_how_far_the_reading_is(write, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    path = write(SKY)
    nn.data.image_folder(path)
    assert f"{path}:" in capsys.readouterr().err


def test_elsewhere_there_is_no_bar(write, capsys):
    nn.data.image_folder(write(SKY))
    assert capsys.readouterr().err == ""
