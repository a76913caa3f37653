# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP over a Unix socket, and who may open one. PRIVATE to the collection."""

from __future__ import annotations

import errno
import grp
import http.client
import os
import pwd
import socket
import stat
import time

from ansible_collections.prodready.django.plugins.module_utils._observe import NeedsRoot


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(path, url, host, timeout=5.0):
    """One GET as the web server would send it: {"status", "seconds"} or {"error", "seconds"}."""
    started = time.monotonic()
    connection = _Connection(path, timeout)
    headers = {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "Connection": "close", "User-Agent": "prodready-verify"}
    try:
        connection.request("GET", url, headers=headers)
        response = connection.getresponse()
        response.read(65536)
        answer: dict = {"status": response.status}
    except PermissionError:
        raise NeedsRoot("{0} may not be opened by this account".format(path)) from None
    except (OSError, http.client.HTTPException) as error:
        answer = {"error": "{0}: {1}".format(type(error).__name__, error)}
    finally:
        connection.close()
    answer["seconds"] = round(time.monotonic() - started, 4)
    return answer


def alive(answer, declared):
    """Whether an answer shows a working application: 200 on a declared path; anything but an error on another."""
    status = answer.get("status", 0)
    return status == 200 if declared else 200 <= status < 500 and status != 400


def _name(lookup, number):
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def describe(path):
    """Owner, group and mode of a socket."""
    info = os.stat(path)
    return {
        "is_socket": stat.S_ISSOCK(info.st_mode),
        "mode": "{0:04o}".format(stat.S_IMODE(info.st_mode)),
        "owner": _name(pwd.getpwuid, info.st_uid),
        "group": _name(grp.getgrgid, info.st_gid),
    }


def as_stranger(path):
    """What an account without any rights meets at the socket: "refused", "connected" or the name of another error."""
    if os.geteuid() != 0:
        raise NeedsRoot("only root can look with the eyes of another account")
    nobody = pwd.getpwnam("nobody")
    child = os.fork()
    if child == 0:  # the copy gives up its rights, tries, and says by its exit status what came of it
        code = 255
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(2)
                code = client.connect_ex(path)
        finally:
            os._exit(min(code, 255))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code in (errno.EACCES, errno.EPERM):
        return "refused"
    return "connected" if code == 0 else errno.errorcode.get(code, "error {0}".format(code))
