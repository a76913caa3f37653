# Workers with threads keep saying that they are alive while each of their threads is stuck. So a thread of each such worker watches the
# requests: one that takes longer than `timeout` is written down with the lines it stands at, and the worker takes no more; what else it
# is asked is answered, for `graceful_timeout` at most, and then it is ended for the master to start another.
import os
import signal
import sys
import threading
import time
import traceback

_requests = {}  # thread → when its request began, and which it is


def pre_request(worker, req):
    _requests[threading.get_ident()] = (time.monotonic(), f"{req.method} {req.path}")


def post_request(worker, req, environ, resp):
    _requests.pop(threading.get_ident(), None)


def _stuck(seconds):
    """The threads whose request takes longer than that, each with its request."""
    now = time.monotonic()
    return {thread: what for thread, (began, what) in list(_requests.items()) if now - began > seconds}


def _done_but_for(worker, stuck):
    """Whether nothing is left that could still be answered: each thread is stuck, or no other connection is open."""
    return len(stuck) >= worker.cfg.threads or getattr(worker, "nr_conns", 0) <= len(stuck)


def _say(worker, thread, what):
    frame = sys._current_frames().get(thread)
    lines = "".join(traceback.format_stack(frame)[-12:]) if frame else ""
    worker.log.critical("Worker %s: %s takes longer than timeout = %s s and stands at\n%s", worker.pid, what, worker.cfg.timeout, lines)


def _watch(worker):
    known, end_at = set(), None
    while True:
        time.sleep(0.5)
        stuck = _stuck(worker.cfg.timeout)
        for thread in set(stuck) - known:
            _say(worker, thread, stuck[thread])
        known |= set(stuck)
        if stuck and end_at is None:
            end_at = time.monotonic() + worker.cfg.graceful_timeout
            os.kill(os.getpid(), signal.SIGTERM)  # the worker's own way to take no more
        if stuck and (_done_but_for(worker, stuck) or time.monotonic() > end_at):
            os._exit(1)  # an ordinary exit would wait for the stuck thread


def post_worker_init(worker):
    if worker.cfg.threads > 1 and worker.cfg.timeout:
        threading.Thread(target=_watch, args=(worker,), name="request-watch", daemon=True).start()
