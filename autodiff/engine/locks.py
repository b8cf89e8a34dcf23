"""The lock of what all threads change: the gradients of leaves, the table of rules."""

import os
import threading

__all__ = ["shared"]

shared = threading.RLock()

# A process that is forked has one thread, and nobody to give back what others held. So a fork waits
# for its turn; then the child finds the lock open, and nothing half done.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=shared.acquire, after_in_parent=shared.release, after_in_child=shared.release
    )
