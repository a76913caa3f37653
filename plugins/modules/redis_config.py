#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_config
short_description: Own the settings and the users of a Redis server
version_added: 0.2.0
description:
  - Writes the configuration and the users' file of Redis whole. Both are tried in a server of their own before they replace anything.
  - Gives the running server what differs, without a restart and without ending a connection, and says what only a restart can bring.
  - Passwords are stored as SHA-256 digests. The password of the user that administers the server is born on the host and stays there.
options:
  directory:
    description: Where the files lie; made when it is not there.
    type: path
    default: /etc/prodready/redis
  socket:
    description: The socket on which the server answers.
    type: path
    default: /run/redis/redis-server.sock
  unit:
    description: The unit that runs the server.
    type: str
    default: redis-server.service
  settings:
    description: The settings, by name, in the order in which they are written.
    type: dict
    default: {}
  drop_in:
    description: What the unit gets beside its own, as text. Only a restart brings it.
    type: str
    default: ""
  include:
    description: A configuration file of somebody else that goes first. Who got into that server without a name still does.
    type: path
    default: ""
  users:
    description: The users beside the one that administers the server. Others of the running server are taken away.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      keys:
        description: Patterns of keys the user may touch; the name and C(:*) where none is given.
        type: list
        elements: str
        default: []
      channels:
        description: Patterns of channels the user may use; the name and C(:*) where none is given.
        type: list
        elements: str
        default: []
      commands:
        description: Further rules for commands, such as V(+eval).
        type: list
        elements: str
        default: []
  passwords:
    description: The passwords by name of the user.
    type: dict
    default: {}
  keep_passwords:
    description: Whether a user keeps the passwords it had beside the new one, so that clients can be moved from one to the other.
    type: bool
    default: false
  forget:
    description:
      - Takes this one user away and leaves everything else as it is; all other options but the places are ignored.
      - The values below C(NAME:) go, too, unless the server keeps its values over a restart.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed, digests shortened, when in diff mode.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Let the newsroom use Redis as its cache
  prodready.django.redis_config:
    settings: {port: 0, unixsocket: /run/redis/redis-server.sock, unixsocketperm: 777, maxmemory: 268435456}
    users: [{name: newsroom}]
    passwords: {newsroom: "{{ prodready_secrets.newsroom.redis_password }}"}
"""

RETURN = r"""
applied:
  description: What the running server was given.
  type: list
  elements: str
  returned: success
  sample: [user newsroom, maxmemory]
restart:
  description: Why a restart is needed; empty when none is.
  type: list
  elements: str
  returned: success
  sample: ["unixsocket differs"]
"""

import grp
import os
import secrets
import shutil
import socket
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _redis, _redis_plan, _redis_server


def read(path):
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def write(path, text, gid, mode):
    """The whole file in one step; it never has wider permissions than it ends with."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as target:
        os.fchown(target.fileno(), 0, gid)
        os.fchmod(target.fileno(), mode)
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, path)


def put(path, text, gid, name):
    """One of the files, readable for whom it concerns."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    mode = {"admin": 0o600, "drop-in": 0o644}.get(name, 0o640)
    write(path, text, gid if mode == 0o640 else 0, mode)


def wanted_users(params, admin_password, stand):
    """Every user as it shall be; what a user had is kept beside the new password where that was asked."""
    adopted = _redis.parse_config(read(params["include"])) if params["include"] else None
    users = [_redis_plan.default_user(adopted), _redis_plan.admin_user(admin_password)]
    alone = len(params["users"]) == 1 and adopted is None
    for user in params["users"]:
        password = params["passwords"].get(user["name"])
        if not password:
            raise _redis_plan.PlanError("user {0} has no password".format(user["name"]))
        digests = {_redis_plan.digest(password)} | set(stand.get(user["name"], []) if params["keep_passwords"] else [])
        users.append(_redis_plan.app_user(user, digests, alone))
    return users


def try_out(module, config, users):
    """Start a server of its own with these files, on a socket and a port of its own, and see whether it stays."""
    folder = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        for name, text in (("redis.conf", config), ("users.acl", users)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as handle:
                handle.write(text)
        argv = ["timeout", "1", "redis-server", os.path.join(folder, "redis.conf"), "--daemonize", "no", "--supervised", "no", "--logfile", ""]
        for name, value in (("aclfile", "users.acl"), ("unixsocket", "socket"), ("pidfile", "pid"), ("dir", "")):
            argv += ["--" + name, os.path.join(folder, value)]
        argv += ["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory", "0"]
        if "\ntls-port" in config:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                argv += ["--tls-port", str(free.getsockname()[1])]
        rc, out, err = module.run_command(argv)
        if rc != 124:
            said = [line for line in (err + out).splitlines() if line.strip()]
            raise _redis_plan.PlanError("Redis does not start with these files: " + " ".join(said[-6:]).replace(folder + "/", ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def drop_values(server, socket_path, name):
    """Take away the values of one user, as this user: who administers the server may touch none. Some at a time, so that nobody waits."""
    once = secrets.token_urlsafe(32)
    server.client().call("ACL", "SETUSER", name, "on", ">" + once, "+scan", "+unlink")
    with _redis.Client({"path": socket_path}, name, once) as client:
        cursor = "0"
        while True:
            cursor, keys = client.call("SCAN", cursor, "MATCH", name + ":*", "COUNT", "500")
            if keys:
                client.call("UNLINK", *keys)
            if str(cursor) == "0":
                return


def forget(module):
    """Take one user out of the running server and out of the file."""
    params = module.params
    path, name = os.path.join(params["directory"], "users.acl"), params["forget"]
    text = read(path)
    left = _redis_plan.without_user(text, name)
    if left != text and not module.check_mode:
        server = _redis_server.Server(module.run_command, params)
        if server.answers():
            if not keeps_values(server.client()):
                drop_values(server, params["socket"], name)
            server.client().call("ACL", "DELUSER", name)
        write(path, left, grp.getgrnam("redis").gr_gid, 0o640)
    module.exit_json(changed=left != text, applied=["user " + name] if left != text else [], restart=[])


def keeps_values(client):
    """Whether the server has its values again after a restart: by its log, or by the snapshots that Redis makes unless told not to."""
    log, snapshots = (client.call("CONFIG", "GET", name)[1:] for name in ("appendonly", "save"))
    return log != ["no"] or snapshots != [""]


def own(module):
    params = module.params
    places = {name: os.path.join(params["directory"], name) for name in ("redis.conf", "users.acl", "admin")}
    stand = {name: read(path) for name, path in places.items()}
    password = stand["admin"].strip() or secrets.token_urlsafe(32)
    settings = dict(params["settings"], aclfile=places["users.acl"])
    users = wanted_users(params, password, _redis_plan.parse_users(stand["users.acl"]))
    texts = {
        "admin": password + "\n",
        "redis.conf": _redis_plan.render_config(settings, params["include"]),
        "users.acl": _redis_plan.render_users(users),
    }
    places["drop-in"] = "/etc/systemd/system/{0}.d/prodready.conf".format(params["unit"])
    stand["drop-in"], texts["drop-in"] = read(places["drop-in"]), params["drop_in"]
    gone = _redis_plan.vanished(stand["redis.conf"], settings)
    # Written first and even if it is the same: a unit newer than its process is what a run after a killed one restarts it for.
    new = ["drop-in"] if gone or stand["drop-in"] != texts["drop-in"] else []
    new += [name for name, text in texts.items() if name != "drop-in" and stand[name] != text]
    gid = grp.getgrnam("redis").gr_gid
    if "redis.conf" in new or "users.acl" in new:
        try_out(module, texts["redis.conf"], texts["users.acl"])
    server = _redis_server.Server(module.run_command, params)
    # The running server first, its file afterwards: a file that stands says that the server was given it.
    applied, restart = server.bring_up_to_date(settings, users, "users.acl" in new, module.check_mode, gone)
    if stand["drop-in"] != texts["drop-in"]:
        restart.append("what the unit gets beside its own differs")
    if not module.check_mode:
        for name in new:
            put(places[name], texts[name], gid, name)
    shown = [name for name in ("drop-in", "redis.conf", "users.acl") if stand[name] != texts[name]]
    diff = [{"before": _redis_plan.masked(stand[name]), "after": _redis_plan.masked(texts[name]), "before_header": places[name]} for name in shown]
    module.exit_json(changed=bool(new or applied), applied=applied, restart=restart, diff=diff)


def main():
    texts = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "default": "/etc/prodready/redis"},
            "socket": {"type": "path", "default": "/run/redis/redis-server.sock"},
            "unit": {"type": "str", "default": "redis-server.service"},
            "settings": {"type": "dict", "default": {}},
            "drop_in": {"type": "str", "default": ""},
            "include": {"type": "path", "default": ""},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": {"type": "str", "required": True}, "keys": {**texts, "no_log": False}, "channels": texts, "commands": texts},
            },
            "passwords": {"type": "dict", "default": {}, "no_log": True},
            "keep_passwords": {"type": "bool", "default": False, "no_log": False},
            "forget": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        forget(module) if module.params["forget"] else own(module)
    except (_redis_plan.PlanError, _redis.RedisError, OSError, KeyError) as error:
        module.fail_json(msg="{0}. The files in {1} and the running server were left as they are.".format(error, module.params["directory"]))


if __name__ == "__main__":
    main()
