import errno
import gzip
import hashlib
import http.server
import threading
import time
from collections.abc import Callable

import pytest

from nn.data import File, Source, cache_folder, download, locate
from nn.errors import DataNotFoundError

ONE, TWO = b"the first file" * 1000, b"the second file"
PACKED = gzip.compress(ONE)


class Server(http.server.ThreadingHTTPServer):
    """Answers from `routes`: a path's content, or a function that answers by itself."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, bytes | Callable[[Handler], None]] = {}
        self.requested: list[str] = []

    def url(self, folder: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{folder}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requested.append(self.path)
        answer = self.server.routes.get(self.path)
        if answer is None:
            self.send_error(404)
        elif callable(answer):
            answer(self)
        else:
            self.send_content(answer, len(answer))

    def send_content(self, content: bytes, promised_length: int):
        self.send_response(200)
        self.send_header("Content-Length", str(promised_length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Stay silent."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("AUTODIFF_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        server.routes = {"/good/one.gz": PACKED, "/good/two.bin": TWO}
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def cache():
    return cache_folder() / "toy"


def toy(*mirrors: str) -> Source:
    files = (
        File(("one.gz", "one"), hashlib.sha256(ONE).hexdigest()),
        File(("two.bin",), hashlib.sha256(TWO).hexdigest()),
    )
    return Source("toy", files, mirrors)


def put_toy(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.gz").write_bytes(PACKED)
    (folder / "two.bin").write_bytes(TWO)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# the data folder and the cache


@pytest.mark.parametrize("subfolder", ["toy", "."])
def test_the_data_folder_comes_first(tmp_path, monkeypatch, cache, subfolder):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / subfolder
    put_toy(folder)
    put_toy(cache)
    located = locate(toy())
    assert located.paths == {"one.gz": folder / "one.gz", "two.bin": folder / "two.bin"}
    assert located.sentence == f"toy: read from {folder} (AUTODIFF_DATA)."


def test_a_file_may_go_by_any_of_its_names(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path))
    (tmp_path / "one").write_bytes(ONE)
    (tmp_path / "two.bin").write_bytes(TWO)
    assert locate(toy()).paths["one.gz"] == tmp_path / "one"


def test_an_incomplete_data_folder_is_passed_over_and_said_so(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path))
    put_toy(cache)
    put_toy(tmp_path / "toy")
    (tmp_path / "toy" / "two.bin").unlink()
    assert locate(toy()).sentence == (
        f"toy: read from the cache {cache}, since AUTODIFF_DATA: {tmp_path / 'toy'} lacks two.bin."
    )


def test_when_nothing_works_everything_that_was_tried_is_listed(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "absent"))
    cache.mkdir(parents=True)
    with pytest.raises(DataNotFoundError, match="toy was not found") as caught:
        locate(toy("http://127.0.0.1:9/"))
    assert caught.value.tried == [
        f"AUTODIFF_DATA: there is no folder {tmp_path / 'absent' / 'toy'}",
        f"cache: {cache} has no toy files",
        "AUTODIFF_OFFLINE forbids a download",
    ]
    message = str(caught.value)
    assert all(line in message for line in caught.value.tried)
    assert message.endswith(
        "put one.gz, two.bin into a folder toy/ and set AUTODIFF_DATA to the folder around it"
    )


def test_an_unset_data_folder_and_a_missing_mirror_are_among_what_was_tried(cache):
    with pytest.raises(DataNotFoundError) as caught:
        locate(toy())
    assert caught.value.tried == [
        "AUTODIFF_DATA is not set",
        f"cache: there is no folder {cache}",
        "there is no mirror to download it from",
    ]


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".cache/autodiff"),
        ("darwin", "Library/Caches/autodiff"),
        ("win32", "Local/autodiff/Cache"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch, tmp_path, platform, folder):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder() == tmp_path / folder


def test_xdg_cache_home_names_another_place_for_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "autodiff"


# downloads


def test_a_download_lands_in_the_cache_and_is_not_repeated(server, cache):
    source = toy(server.url("good"))
    assert locate(source).sentence == f"toy: downloaded into {cache}, checksums verified."
    assert (cache / "one.gz").read_bytes() == PACKED
    assert names(cache) == ["one.gz", "two.bin"]
    assert locate(source).sentence == f"toy: read from the cache {cache}."
    assert server.requested == ["/good/one.gz", "/good/two.bin"]


def test_files_that_are_in_the_cache_are_not_downloaded_again(server, cache):
    put_toy(cache)
    (cache / "two.bin").unlink()
    locate(toy(server.url("good")))
    assert server.requested == ["/good/two.bin"]


def test_the_checksum_is_of_the_content_however_it_is_compressed(server, cache):
    server.routes["/good/one.gz"] = gzip.compress(ONE, compresslevel=1, mtime=0)
    locate(toy(server.url("good")))
    assert names(cache) == ["one.gz", "two.bin"]


def test_offline_no_mirror_is_asked(server, monkeypatch):
    monkeypatch.setenv("AUTODIFF_OFFLINE", "1")
    with pytest.raises(DataNotFoundError):
        locate(toy(server.url("good")))
    assert server.requested == []


def send_half(handler: Handler):
    handler.send_content(PACKED[: len(PACKED) // 2], len(PACKED))


def drop(handler: Handler):
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "Not Found"),
        (gzip.compress(b"something else"), "sent something else (the SHA-256 checksum differs)"),
        (b"<html>Please log in</html>", "sent something else (the SHA-256 checksum differs)"),
        (PACKED[:-9], "sent something else (the SHA-256 checksum differs)"),
        (send_half, f"sent only {len(PACKED) // 2} of {len(PACKED)} bytes"),
        (drop, "Remote end closed connection without response"),
    ],
    ids=["404", "other content", "login page", "cut", "cut against its own length", "hang up"],
)
def test_a_mirror_that_fails_is_named_leaves_nothing_and_the_next_one_is_asked(
    server, cache, answer, reason
):
    if answer is not None:
        server.routes["/bad/one.gz"] = answer
    bad, good = server.url("bad"), server.url("good")
    with pytest.raises(DataNotFoundError) as caught:
        locate(toy(bad))
    assert caught.value.tried[-1] == f"{bad}one.gz: {reason}"
    assert names(cache) == []

    locate(toy(bad, good))
    assert names(cache) == ["one.gz", "two.bin"]


def test_a_mirror_that_failed_once_is_not_asked_for_the_next_file(server):
    locate(toy(server.url("bad"), server.url("good")))
    assert server.requested == ["/bad/one.gz", "/good/one.gz", "/good/two.bin"]


def test_a_mirror_that_does_not_answer_is_given_up_within_the_time_limit(server, monkeypatch):
    released = threading.Event()
    server.routes["/slow/one.gz"] = lambda handler: released.wait(10) and drop(handler)
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.1)
    start = time.monotonic()
    with pytest.raises(DataNotFoundError, match=r"slow/one\.gz: no answer within 0\.1 seconds"):
        locate(toy(server.url("slow")))
    assert time.monotonic() - start < 5
    released.set()


def test_an_unreachable_host_is_named_with_the_reason(monkeypatch):
    monkeypatch.setenv("AUTODIFF_OFFLINE", "0")
    with pytest.raises(DataNotFoundError, match=r"http://127\.0\.0\.1:9/one\.gz: .*refused"):
        locate(toy("http://127.0.0.1:9/"))


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    with pytest.raises(DataNotFoundError, match="toy: cannot be written: Not a directory"):
        locate(toy(server.url("good")))


@pytest.mark.parametrize(
    ("interruption", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DataNotFoundError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full disk", "Ctrl-C"],
)
def test_an_interrupted_download_leaves_nothing(server, cache, monkeypatch, interruption, raised):
    def receive_some(response, file, name):
        file.write(b"some")
        raise interruption

    monkeypatch.setattr(download, "_receive", receive_some)
    with pytest.raises(raised):
        locate(toy(server.url("good")))
    assert names(cache) == []
