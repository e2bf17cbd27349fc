# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules share. Private to this collection.

The documentation of each group is the fragment of the same name in ``plugins/doc_fragments``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._modules._handover import receive

ENGINES = ("postgresql", "mysql")
#: What stands for an engine where an instance is a tree of files.
FILES = "files"
CONTAINER_ENGINES = ("docker", "podman")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

CONNECTION: Mapping[str, Mapping[str, Any]] = {
    "engine": {"type": "str", "required": True, "choices": list(ENGINES)},
    "login_host": {"type": "str", "aliases": ["host"]},
    "login_port": {"type": "int", "aliases": ["port"]},
    "login_user": {"type": "str", "aliases": ["login"]},
    "login_password": {"type": "str", "no_log": True},
    "login_unix_socket": {"type": "path", "aliases": ["unix_socket"]},
    "login_os_user": {"type": "str"},
    "login_db": {"type": "str"},
    "ssl_mode": {"type": "str", "choices": list(SSL_MODES)},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca", "ssl_rootcert"]},
    "client_cert": {"type": "path", "aliases": ["ssl_cert"]},
    # the path is no secret
    "client_key": {"type": "path", "aliases": ["ssl_key"], "no_log": False},
    "connect_timeout": {"type": "int", "default": 10},
    "container": {"type": "str"},
    "container_engine": {"type": "str", "choices": list(CONTAINER_ENGINES)},
}

#: The server is reached in one way.
ONE_WAY = (("login_host", "login_unix_socket"),)

REPOSITORY: Mapping[str, Mapping[str, Any]] = {
    "repository": {"type": "path", "required": True},
    "source": {"type": "str", "required": True},
    "instance": {"type": "str", "required": True},
}

SET: Mapping[str, Mapping[str, Any]] = {"set": {"type": "str", "default": "latest"}}

TRUSTED: Mapping[str, Mapping[str, Any]] = {
    "trusted_keys": {"type": "list", "elements": "str", "default": [], "no_log": False}
}

KEYS: Mapping[str, Mapping[str, Any]] = {
    "identity": {"type": "list", "elements": "str", "no_log": True},
    # the path is no secret
    "identity_pipe": {"type": "path", "no_log": False},
    "staging": {"type": "path"},
    **TRUSTED,
}

RECIPIENTS: Mapping[str, Mapping[str, Any]] = {"recipients": {"type": "list", "elements": "str", "default": []}}

PROGRESS: Mapping[str, Mapping[str, Any]] = {"progress_file": {"type": "path"}}

JOBS: Mapping[str, Mapping[str, Any]] = {"jobs": {"type": "int"}}


def connection_from(params: Mapping[str, Any]) -> Connection:
    """The connection that the parameters describe.

    Raises:
        UsageError: a number makes no sense, or an option does not go with a container.
    """
    if params["login_port"] is not None and not 0 < params["login_port"] < 65536:
        raise UsageError(f"login_port is {params['login_port']}.", "give a port from 1 to 65535")
    if params["connect_timeout"] < 1:
        raise UsageError(f"connect_timeout is {params['connect_timeout']}.", "give at least 1 second")
    if params["container"] is not None:
        for option in ("ca_cert", "client_cert", "client_key"):
            if params[option] is not None:
                raise UsageError(
                    f"{option} is a file of this host, which programs in the container {params['container']} do not see.",
                    f"leave out {option}: the connection does not leave this host",
                )
    elif params["container_engine"] is not None:
        raise UsageError(
            "container_engine is given without container.", "name the container, or leave out container_engine"
        )
    return Connection(
        host=params["login_host"],
        port=params["login_port"],
        unix_socket=params["login_unix_socket"],
        user=params["login_user"],
        password=params["login_password"],
        os_user=params["login_os_user"],
        database=params["login_db"],
        ssl_mode=params["ssl_mode"],
        ca_cert=params["ca_cert"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        connect_timeout=params["connect_timeout"],
        container=params["container"],
        container_engine=params["container_engine"],
    )


def jobs_from(params: Mapping[str, Any]) -> int:
    """How much runs at a time: what was asked for, or one job for each core that this process may use.

    Raises:
        UsageError: less than one.
    """
    if params["jobs"] is None:
        return len(os.sched_getaffinity(0))
    if params["jobs"] < 1:
        raise UsageError(f"jobs is {params['jobs']}.", "give at least 1")
    return int(params["jobs"])


def keys_from(params: Mapping[str, Any]) -> Keys:
    """What opens sets, as the parameters say.

    Raises:
        UsageError: both ways to hand over private keys are used, or the directory for what is decrypted is none.
    """
    identities = params["identity"] or ()
    if params["identity_pipe"] is not None:
        if identities:
            raise UsageError("Both identity and identity_pipe are given.", "give private keys in one way")
        identities = receive(params["identity_pipe"])
    staging = params["staging"]
    if staging is not None and not os.path.isdir(staging):
        raise UsageError(f"The directory {staging!r} of the option staging does not exist.", "make it, or leave it out")
    return Keys(tuple(text for text in identities if text.strip()), tuple(params["trusted_keys"]), staging)


def names_from(params: Mapping[str, Any]) -> None:
    """Make sure that the names of source and instance can name directories.

    Raises:
        UsageError: one of them is empty.
    """
    for option in ("source", "instance"):
        if not params[option].strip():
            raise UsageError(f"{option} is empty.", f"give the {option} a name")
