#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-enroll about devices that exist, and recovery codes: on terminals of 80x24 and 40x20, and
as a program. What is allowed is tested with the helper (devices.py).
"""

import json
import os
import re
import signal
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import PASSWORD, check, equal, run, uid_of  # noqa: E402
try:
    from enroll_client import (
        FOLDER, batch, command, confirm, devices, key_on, phone_of, prepare, to_secret)
    from terminal import Terminal
except ImportError as missing:
    print(f"1..0 # SKIP needs {missing.name} (Debian: python3-pexpect, python3-pyte)")
    sys.exit(0)

USERS = ("alice", "bob", "carol", "dave", "erin")
CODE = r"(?:[b-df-hj-np-tv-xz]{5}-){3}[b-df-hj-np-tv-xz]{5}"
KEPT = {}  # recovery codes by user


def see(t, name):
    """The screen as it is, for who looks at it (SCREENS=1)."""
    if os.environ.get("SCREENS"):
        print(f"# {name}\n# | " + t.text().rstrip().replace("\n", "\n# | "))


def codes_on(text):
    return [code for _, code in sorted((int(number), code) for number, code in
                                       re.findall(rf"(\d+)\. ({CODE})", text))]


def start(user, *words, **more):
    """A verb whose password is given."""
    t = Terminal(command(user, *words), **more)
    t.wait("Password:")
    t.type(PASSWORD % user + "\r")
    return t


def prove(t, user):
    t.wait("MFA code of an active device:")
    t.type(KEPT[user].pop() + "\r")


def test_recovery_codes_on_screen():
    for user, rows, columns in (("alice", 24, 80), ("bob", 20, 40)):
        t = to_secret(user, rows=rows, columns=columns)
        see(t, f"secret {columns}x{rows}")
        phone = phone_of(key_on(t))
        phone.settle()
        now = time.time()
        t.type(phone.code_at(now) + "\r")
        t.wait("Code 2: ")
        t.type(phone.code_at(now + 30) + "\r")
        t.wait("Type ok when you have them: ")
        see(t, f"recovery codes {columns}x{rows}")
        shown = t.text()
        KEPT[user] = codes_on(shown)
        equal(len(set(KEPT[user])), 10, shown)
        check(shown.startswith("Recovery codes:"), "it has scrolled", shown)
        equal(len(re.findall(rf"{CODE}.*{CODE}", shown)), 5 if columns == 80 else 0, "columns")
        # A key pressed too often does not make them go.
        t.type("\r")
        t.type("yes\r")
        t.wait("yes")
        equal(codes_on(t.text()), KEPT[user])
        t.type("OK\r")
        t.wait("a second terminal")
        equal(t.finish(), 0)
        see(t, f"the end {columns}x{rows}")
        check(not codes_on(t.text()) and "clear it" not in t.text(), "they are still there")
        code, out, _ = batch(user, "status", "--json")
        equal((code, json.loads(out)["recovery_codes_left"]), (0, 10))


def test_recovery_codes_interrupted():
    t = start("alice", "recovery-codes")
    prove(t, "alice")
    t.wait("Type ok when you have them: ")
    KEPT["alice"] = codes_on(t.text())
    t.type("\003")
    equal(t.finish(), -signal.SIGINT)
    check("older codes are void" in t.text() and not codes_on(t.text()), t.text())
    t = start("alice", "recovery-codes", env={"TERM": "dumb"})
    prove(t, "alice")
    shown = t.save_recovery()
    KEPT["alice"] = codes_on(shown)
    equal(len(KEPT["alice"]), 10)
    t.wait("still on this screen")
    equal(t.finish(), 0)


def test_recovery_file():
    path = f"{FOLDER}/codes"
    text = f"{PASSWORD % 'alice'}\n"
    equal(batch("alice", "recovery-codes", "--no-input", f"--recovery-file={path}",
                text=text + "000000\n")[0], 3)
    check(not os.path.exists(path), "left behind")
    text += KEPT["alice"].pop() + "\n"
    code, out, err = batch("alice", "recovery-codes", "--no-input", f"--recovery-file={path}",
                           text=text)
    equal((code, err), (0, ""))
    equal(codes_on(out), [])
    info = os.stat(path)
    equal((stat.S_IMODE(info.st_mode), info.st_uid), (0o600, uid_of("alice")))
    with open(path, encoding="ascii") as file:
        KEPT["alice"] = codes_on(file.read())
    equal(len(set(KEPT["alice"])), 10)
    # What is there is not touched, and nothing is asked for.
    equal(batch("alice", "recovery-codes", "--no-input", f"--recovery-file={path}")[0], 4)
    os.symlink("/etc/nothing", f"{FOLDER}/link")
    equal(batch("alice", "recovery-codes", "--no-input", f"--recovery-file={FOLDER}/link")[0], 4)
    # A second device brings none.
    t = start("alice", "add", "x", f"--recovery-file={FOLDER}/none")
    prove(t, "alice")
    t.wait("Code 1: ")
    confirm(t, phone_of(key_on(t)), is_first=False)
    check("no recovery codes were made" in t.text() and not os.path.exists(f"{FOLDER}/none"),
          t.text())
    t = start("alice", "remove", "x")
    prove(t, "alice")
    equal(t.finish(), 0)
    # With the first device, on a terminal.
    path = f"{FOLDER}/first"
    t = to_secret("carol", f"--recovery-file={path}")
    confirm(t, phone_of(key_on(t)), is_first=False)
    check("codes are in the file" in t.text(), t.text())
    with open(path, encoding="ascii") as file:
        KEPT["carol"] = codes_on(file.read())
    equal(len(KEPT["carol"]), 10)


def test_programs():
    def call(*words, more=""):
        text = f"{PASSWORD % 'alice'}\n{KEPT['alice'].pop()}\n{more}"
        code, out, err = batch("alice", *words, "--no-input", "--json", text=text)
        return code, [json.loads(line) for line in out.splitlines()], err

    code, out, _ = call("recovery-codes")
    equal((code, [sorted(o) for o in out]), (0, [["recovery_codes"], ["exit", "text"]]))
    KEPT["alice"] = out[0]["recovery_codes"]
    code, out, _ = call("rename", "phone", "handy")
    equal((code, out[0]["exit"], list(devices("alice"))), (0, 0, ["handy"]))
    code, out, err = batch("alice", "remove", "handy", "--no-input", "--json")
    equal((code, json.loads(out)["exit"]), (10, 10))
    check("add another first" in err and "add another first" in out)
    equal(batch("alice", "delete", "handy", "--no-input")[0], 7)
    equal(batch("alice", "delete", "none", "--no-input")[0], 6)
    equal(batch("alice", "enable", "handy", "--no-input")[0], 7)
    equal(batch("alice", "remove", "handy")[0], 2, "nobody to ask")
    code, out, _ = batch("alice", "resync", "handy", "--no-input", "--json",
                         text=f"{PASSWORD % 'alice'}\n000000 000001\n")
    lines = [json.loads(line) for line in out.splitlines()]
    equal((code, lines[0]["refused"], lines[0]["left"]), (1, "wrong", 4))
    code, out, _ = call("rotate", "handy")
    equal((code, out[0]["name"], out[-1]["exit"]), (1, "handy", 1))
    equal({n: d["state"] for n, d in devices("alice").items()}, {"handy": "active"})


def test_rotate_and_resync_on_screen():
    for user, rows, columns in (("bob", 20, 40), ("carol", 24, 80)):
        t = start(user, "rotate", "phone", rows=rows, columns=columns)
        prove(t, user)
        t.wait("Code 1: ")
        phone = phone_of(key_on(t))
        confirm(t, phone, is_first=False)
        check("phone+old" in t.whole().replace("\n", ""), t.text())
        see(t, f"rotate {columns}x{rows}")
        equal({n: d["state"] for n, d in devices(user).items()},
              {"phone": "active", "phone+old": "disabled"})
        t = start(user, "resync", "phone", rows=rows, columns=columns)
        t.wait("Code 1: ")
        t.type("12345\r")
        t.wait("A code of this device is 6 digits.")
        t.type("000000\r")
        t.wait("Wait for the next code.")
        t.type("000001\r")
        t.wait("follow each other, or its" if columns == 80 else "not two codes")
        now = time.time()
        t.type(phone.code_at(now + 120) + "\r")
        t.wait("Wait for the next code.")
        t.wait("Code 2: ")
        t.type(phone.code_at(now + 150) + "\r")
        t.wait("corrected.")
        equal(t.finish(), 0)
        see(t, f"resync {columns}x{rows}")
        t = start(user, "delete", "phone+old", rows=rows, columns=columns)
        prove(t, user)
        t.wait("deleted")
        equal(t.finish(), 0)
        see(t, f"delete {columns}x{rows}")


TESTS = (
    test_recovery_codes_on_screen, test_recovery_codes_interrupted, test_recovery_file,
    test_programs, test_rotate_and_resync_on_screen,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS, prepare))
