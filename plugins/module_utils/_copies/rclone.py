# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rclone, started for one copy: configured by its environment, repeated where that is safe. Private to this collection.

What it does here may all be done twice: listing, reading, transfers of files that are skipped once they are complete,
and removal of what is to go. Exit codes: https://rclone.org/docs/#exit-code. Its log is read as JSON
(``--use-json-log``), so that progress and errors need no guessing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Callable, Optional, Union
from urllib.parse import unquote

from ansible_collections.vya.backupdb.plugins.module_utils._copies.model import Copy, flags_of, looks_secret
from ansible_collections.vya.backupdb.plugins.module_utils._errors import CopyFailed, ProcessError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    find_program,
    secret_file,
    start,
)
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

#: the remote that is described by the environment
_OURS = "backupdb"
_NOT_FOUND = (3, 4)
_FATAL = 7
#: what another attempt would not change
_FINAL = re.compile(
    r"access ?denied|permission denied|forbidden|unauthori[sz]ed|unable to authenticate|handshake failed|knownhosts|"
    r"InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|authentication failed|no space left|"
    r"unknown flag|didn't find section|no such file or directory.*known_hosts|certificate",
    re.IGNORECASE,
)
#: what of its usual output says why it ended, where it does not write JSON yet
_COMPLAINT = re.compile(r"^(Error|Fatal)|\b(ERROR|CRITICAL|Failed)\b")
_TIME = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_SHORTEST_SECRET, _LONG_SECRET = 4, 20
_PARTS = re.compile(r"[?&=\s\"]+")
_MOST_ERRORS = 5
_LONGEST_LINE = 1 << 20
_COMMON = (
    "--ask-password=false", "--use-json-log", "--log-level=NOTICE", "--stats=1s", "--stats-log-level=NOTICE", "--retries=1",
)  # fmt: skip
_DEFAULTS = {"low-level-retries": "3", "contimeout": "15s"}


class Rclone:
    """Runs rclone for a copy. Asks rclone at the start what it knows about the copy's backend.

    Args:
        copy: the copy.
        reporter: where progress and the line about each repetition go.
        sleep: waits so many seconds between attempts.

    Raises:
        MissingProgram: rclone is not installed.
        UsageError: rclone does not know the backend, or one of its options; or a secret would be shown.
    """

    def __init__(self, copy: Copy, reporter: Reporter, sleep: Callable[[float], None] = time.sleep) -> None:
        self.copy = copy
        self._reporter = reporter
        self._sleep = sleep
        self._program = find_program("rclone")
        # Without a configuration file of the host, unless a remote of it is meant.
        self._environment: dict[str, str] = {} if copy.remote else {"RCLONE_CONFIG": os.devnull}
        self._secrets: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._keep_hidden(copy.secrets.values())
        self._flags: list[str] = []
        backend = self._backend()
        self._configure(backend)
        flags = {
            f"{backend['Prefix']}-{option['Name'].replace('_', '-')}": _is_secret(option)
            for option in backend["Options"]
        }
        given = flags_of(copy, flags)
        names = {flag[2:].partition("=")[0] for flag in given}
        self._flags = given + [f"--{name}={value}" for name, value in _DEFAULTS.items() if name not in names]

    def _backend(self) -> Mapping[str, Any]:
        """What rclone says about the kind of the remote."""
        kind = self.copy.config.get("type") or self._type_of_remote()
        providers = json.loads(self._run(["config", "providers"]))
        for provider in providers:
            if kind in (provider["Name"], provider.get("Prefix")):
                return {**provider, "Prefix": provider.get("Prefix") or provider["Name"]}
        raise UsageError(
            f"rclone on this host knows no type {kind!r}, which {self.copy.words} has.",
            "correct the type, or install a newer rclone; 'rclone help backends' lists them",
        )

    def _type_of_remote(self) -> str:
        remotes = self._run(["listremotes", "--long"]).decode("utf-8", "replace")
        for line in remotes.splitlines():
            name, _colon, kind = line.partition(":")
            if name.strip() == self.copy.remote:
                return kind.strip()
        raise UsageError(
            f"The rclone configuration of this host has no remote {self.copy.remote!r}, which {self.copy.words} names.",
            "make it with 'rclone config' as the account that runs the task, or describe the copy with config and secrets",
        )

    def _configure(self, backend: Mapping[str, Any]) -> None:
        if self.copy.remote:
            return
        options = {option["Name"]: option for option in backend["Options"]}
        config = dict(self.copy.config)
        unknown = sorted((set(config) | set(self.copy.secrets)) - set(options) - {"type", "description"})
        if unknown:
            raise UsageError(
                f"{self.copy.words.capitalize()} has options that rclone's {backend['Name']} does not know: {', '.join(unknown)}.",
                "correct their names; 'rclone help backend " + str(backend["Name"]) + "' shows them",
            )
        shown = sorted(key for key in config if key in options and _is_secret(options[key]))
        if shown:
            raise UsageError(
                f"The config of {self.copy.words} holds what should be secret: {', '.join(shown)}.",
                "put it into secrets",
            )
        if backend["Name"] == "sftp":
            # rclone itself would trust every server.
            config.setdefault("known_hosts_file", "~/.ssh/known_hosts")
            # Digests are computed here: accounts for backups need no shell.
            config.setdefault("disable_hashcheck", "true")
            if "shell_type" in options:
                config.setdefault("shell_type", "none")
        self._environment.update({_variable(key): value for key, value in config.items()})
        for key, value in self.copy.secrets.items():
            self._secrets[_variable(key)] = self._obscured(value) if options[key].get("IsPassword") else value
        self._keep_hidden(self._secrets.values())

    def _obscured(self, password: str) -> str:
        """A password in the form that rclone's configuration wants; it is no protection."""
        descriptor = secret_file(password + "\n")
        try:
            return self._run(["obscure", "-"], descriptor).decode("ascii").strip()
        finally:
            os.close(descriptor)

    def place(self, *parts: str) -> str:
        """A directory or file of the copy as an argument of rclone."""
        root = self.copy.path.rstrip("/") if self.copy.path != "/" else ""
        return f"{self.copy.remote or _OURS}:{'/'.join([root, *parts])}"

    def run(
        self, what: str, argv: Sequence[str], names: Optional[Sequence[str]] = None, total: Optional[int] = None
    ) -> bytes:
        """Run a command of rclone that may be repeated, and return what it printed.

        Args:
            what: what is being done, for messages: ``listing``.
            argv: command and arguments.
            names: lines for its standard input.
            total: bytes that it moves, for progress.

        Raises:
            NotThere: a directory or file does not exist.
            CopyFailed: it failed each time.
        """
        delay = _FIRST_DELAY
        attempt = 1
        while True:
            log = _Log(what, total, self._reporter)
            try:
                with _lines(names) as source:
                    return self._run([*argv, *_COMMON, *self._flags], source, log)
            except ProcessError as error:
                reason = self._hide(log.reason or error.message)
                if error.returncode in _NOT_FOUND:
                    raise NotThere(f"{self.copy.words.capitalize()}: {what}: {reason}", "check its path") from None
                if attempt >= self.copy.attempts or error.returncode == _FATAL or _FINAL.search(reason):
                    times = f" {attempt} times" if attempt > 1 else ""
                    raise CopyFailed(
                        f"{self.copy.words.capitalize()}: {what} failed{times}: {reason}",
                        f"{_remedy(reason)}, then run it again: it goes on where it stopped",
                    ) from None
            attempt += 1
            self._reporter.warn(
                f"{self.copy.words.capitalize()}: {what} failed: {reason}; attempt {attempt} of {self.copy.attempts}"
                f" follows after {delay:g} s"
            )
            self._sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _run(self, argv: Sequence[str], stdin: Union[int, BinaryIO, None] = None, log: Optional[_Log] = None) -> bytes:
        command = Command([self._program, *argv], env=self._environment, secret_env=self._secrets)
        with (
            open(os.devnull, "rb") as nothing,
            start(
                command, stdin=nothing if stdin is None else stdin, stdout=PIPE, on_stderr=log.take if log else None
            ) as process,
        ):
            output = process.stdout.read()
            process.wait()
        return output

    def _keep_hidden(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            # A signature within an address may be shown with another one around it.
            for text in (secret, *(part for part in _PARTS.split(secret) if len(part) >= _LONG_SECRET)):
                if len(text) >= _SHORTEST_SECRET:
                    self._hidden |= {text, unquote(text)}

    def _hide(self, text: str) -> str:
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


class NotThere(CopyFailed):
    """A directory or file of a copy does not exist."""


class _Log:
    """What rclone logs: statistics become progress, errors a reason."""

    def __init__(self, what: str, total: Optional[int], reporter: Reporter) -> None:
        self._what = what
        self._total = total
        self._reporter = reporter
        self._begun = b""
        self._errors: list[str] = []

    @property
    def reason(self) -> str:
        """Why it failed, as far as the log tells."""
        return "; ".join(self._errors[-_MOST_ERRORS:])

    def take(self, piece: bytes) -> None:
        """Take a line, or a piece of one."""
        self._begun += piece
        if not piece.endswith(b"\n") and len(self._begun) < _LONGEST_LINE:
            return
        line, self._begun = self._begun, b""
        try:
            record = json.loads(line)
        except ValueError:
            text = _TIME.sub("", line.decode("utf-8", "replace"))
            record = {"level": "error", "msg": text} if _COMPLAINT.search(text) else {}
        if not isinstance(record, dict):
            return
        stats = record.get("stats")
        if isinstance(stats, dict) and isinstance(stats.get("bytes"), int):
            self._reporter.progress(self._what, stats["bytes"], self._total)
        elif record.get("level") in ("error", "critical", "fatal", "panic"):
            text = " ".join(str(record.get("msg", "")).split())
            if record.get("object"):
                text = f"{record['object']}: {text}"
            if text and text not in self._errors and not text.startswith("Attempt "):
                self._errors.append(text)


def _variable(key: str) -> str:
    return f"RCLONE_CONFIG_{_OURS}_{key}".upper()


def _remedy(reason: str) -> str:
    """What helps against a failure that is not repeated."""
    if "unknown key algorithm" in reason:
        return "remove lines with this kind of key from the file, such as by ssh-keyscan -t rsa,ecdsa,ed25519: this rclone does not know it"
    return "check address, path and login of the copy"


def _is_secret(option: Mapping[str, Any]) -> bool:
    return bool(option.get("IsPassword")) or looks_secret(option["Name"])


@contextlib.contextmanager
def _lines(names: Optional[Sequence[str]]) -> Iterator[Optional[BinaryIO]]:
    """Standard input that holds lines; a file, so that a slow reader blocks nobody."""
    if names is None:
        yield None
        return
    with tempfile.TemporaryFile() as source:
        source.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
        source.seek(0)
        yield source
