"""Names of classes in pictures: with a font that has them, or by their numbers."""

import logging

import pytest

pytest.importorskip("matplotlib")

import numpy as np

from nn import plots
from nn.training import fonts

CHINESE = ["博", "学"]


@pytest.fixture(autouse=True)
def afresh():
    """Nothing is remembered from other tests."""
    fonts._family_with.cache_clear()
    fonts._say_missing.cache_clear()
    yield
    fonts._family_with.cache_clear()


@pytest.fixture
def no_font(monkeypatch):
    """A machine whose only fonts are those that come with matplotlib."""
    listed = fonts.font_manager.fontManager.ttflist
    ours = [font for font in listed if "mpl-data" in font.fname]
    assert ours
    monkeypatch.setattr(fonts.font_manager.fontManager, "ttflist", ours)


def test_usual_names_stay_as_they_are(no_font, caplog):
    names = ["cat", "Käfer", "π"]
    assert fonts.drawable(names) == (names, ["sans-serif"])
    assert caplog.records == []


def test_without_a_font_the_classes_have_numbers_and_the_log_says_so_once(no_font, caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert fonts.drawable(CHINESE) == (["0", "1"], ["sans-serif"])
    (record,) = caplog.records
    assert record.getMessage() == (
        "pictures show classes by their numbers, 0 (博) to 1 (学), since no installed font has all "
        "their characters; install one, such as Noto Sans CJK"
    )


def test_a_font_that_has_all_characters_is_used(no_font, monkeypatch):
    has = {"half.ttf": frozenset("博"), "all.ttf": frozenset("博学"), "usual.ttf": frozenset("ab")}
    entry = fonts.font_manager.FontEntry
    monkeypatch.setattr(
        fonts.font_manager.fontManager,
        "ttflist",
        [entry("half.ttf", name="Half"), entry("all.ttf", name="All CJK")],
    )
    monkeypatch.setattr(fonts, "_characters", lambda path: has.get(path, has["usual.ttf"]))
    assert fonts.drawable(CHINESE) == (CHINESE, ["sans-serif", "All CJK"])


def test_a_file_that_is_no_font_has_no_characters(tmp_path):
    (tmp_path / "a.ttf").write_bytes(b"no font")
    assert fonts._characters(str(tmp_path / "a.ttf")) == frozenset()
    assert fonts._characters(str(tmp_path / "none.ttf")) == frozenset()


def test_pictures_with_chinese_classes_are_drawn_without_a_warning(no_font, tmp_path):
    images, labels = np.zeros((4, 5, 5)), np.array([0, 1, 1, 0])
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    plots.predictions(images, labels, shares, CHINESE).save(tmp_path / "a.svg")
    plots.samples(images, labels, CHINESE).save(tmp_path / "b.svg")
