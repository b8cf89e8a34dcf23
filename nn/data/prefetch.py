"""Preparing items in another thread while the previous ones are used."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")
_END: Any = object()  # what follows the last item


def prefetched(items: Iterator[T], ahead: int) -> Iterator[T]:
    """The same items in the same order; a thread prepares up to `ahead` of them in advance.

    An exception of `items` is raised where its item would have come, with its traceback. When the
    iterator is closed, abandoned or at its end, the thread ends after the item that it is at.

    >>> list(prefetched(iter("abc"), ahead=2))
    ['a', 'b', 'c']
    """
    # the thread sees what holds here, such as NumPy's error state
    context = copy_context()
    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    try:
        # one thread takes the requests in order, so `items` is never entered twice at once
        requests = deque(pool.submit(context.run, next, items, _END) for _ in range(ahead))
        while (item := requests.popleft().result()) is not _END:
            requests.append(pool.submit(context.run, next, items, _END))
            yield item
    finally:
        # Without waiting: this may run anywhere, in the garbage collection of that very thread.
        pool.shutdown(wait=False, cancel_futures=True)
