#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""The real set-uid totp-helper, killed before each of its system calls in turn by a strace of
root's that becomes the user as it starts it: one kill a run, the store put back before each.

 1. What is stored can be read, and is the old or the new; what was told is there.
 2. A code is accepted once in total, one that has confirmed a device never, and a new
    recovery code that was shown is one.
 3. Nothing that is left hinders the same work: done again with fresh codes it succeeds.

The short form begins where the store is opened and kills before the calls that change, sync or
lock a file or write to the client; FAULTS=long begins with the first call and takes each.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import (  # noqa: E402
    HELPER, Helper, STORE, Skip, check, devices, enrol, equal, run, status)

USERS = ("vera", "adam", "ivan", "rita", "lena")
ADMIN = "/usr/local/sbin/totp-admin"
STRACE = "/usr/bin/strace"
IS_LONG = os.environ.get("FAULTS") == "long"
AIMS = {"write", "pwrite64", "fsync", "fdatasync", "ftruncate", "renameat", "renameat2",
        "linkat", "unlinkat", "mkdirat", "fcntl", "flock"}
KEPT = tempfile.mkdtemp()
TRACE = f"{KEPT}/trace"


class Killed(Exception):
    """The helper is gone."""


class Struck(Helper):
    """A helper that ends before a certain call: aim is its name and which of them."""

    def __init__(self, user, aim):
        inject = ["-e", f"inject={aim[0]}:signal=SIGKILL:when={aim[1]}"] if aim else []
        super().__init__(user, uid=0, path=STRACE, hello=False,
                         args=("-q", "-o", TRACE, *inject, "-u", user, HELPER))
        self.told = []

    def raw(self, data):
        try:
            super().raw(data)
        except BrokenPipeError:
            raise Killed from None

    def receive(self):
        message = super().receive()
        if message[0] is None and not (self.told and self.told[-1] == "done"):
            raise Killed
        self.told.append(message[0])
        return message

    def done(self, code):
        """How it ends after that is seen by whoever struck it."""
        message = self.expect("done")
        equal(message["exit"], str(code), message["text"])


def admin_verify(user, code):
    """Whether a code is accepted now."""
    done = subprocess.run([ADMIN, "verify", user], input=code + "\n", text=True,
                          capture_output=True)
    check(done.returncode in (0, 3, 6), "totp-admin verify", done.returncode, done.stderr)
    return done.returncode == 0


def states(user):
    return [(d["name"], d["state"]) for d in devices(user)]


def put_back():
    for part in ("secrets", "state"):
        shutil.rmtree(f"{STORE}/{part}", ignore_errors=True)
        if os.path.isdir(f"{KEPT}/{part}"):
            subprocess.run(["cp", "-a", f"{KEPT}/{part}", STORE], check=True)


def strike(user, work, aim):
    """Do the work once; returns whether it was killed and what it had told."""
    put_back()
    h = Struck(user, aim)
    try:
        equal(h.receive(), ("hello", {"version": "1", "user": user}), "hello")
        work(h)
    except Killed:
        pass
    # strace ends as what it has traced.
    killed = h.ended() == -9
    check(killed or "done" in h.told, f"ended by itself without a word: {h.told}")
    return killed, h.told


def calls(lines):
    """Each call that was made, as (name, which of that name), and where the store begins."""
    seen, found, start = {}, [], None
    for line in lines:
        match = re.match(r"(\w+)\(", line)
        if match is None:
            continue
        name = match[1]
        seen[name] = seen.get(name, 0) + 1
        if start is None and name == "openat" and '"secrets"' in line:
            start = len(found)
        found.append((name, seen[name]))
    return found, start


def besiege(user, what, work, look):
    """look(told) judges what is left, told being all or a part of the messages."""
    if not os.access(STRACE, os.X_OK) or os.environ.get("SANITIZERS"):
        raise Skip("no strace, or a sanitizer that it disturbs")
    for part in ("secrets", "state"):
        shutil.rmtree(f"{KEPT}/{part}", ignore_errors=True)
        if os.path.isdir(f"{STORE}/{part}"):
            subprocess.run(["cp", "-a", f"{STORE}/{part}", KEPT], check=True)
    killed, told = strike(user, work, None)
    check(not killed, "killed by nobody")
    with open(TRACE, encoding="latin-1") as file:
        found, start = calls(file)
    check(start is not None, "the store was not opened")
    look(told)
    aims = found if IS_LONG else [c for c in found[start:] if c[0] in AIMS]
    count = early = 0
    for aim in aims:
        killed, told = strike(user, work, aim)
        try:
            look(told)
        except Exception as why:
            raise AssertionError(f"killed before {aim[0]} {aim[1]}, told {told}: {why}") from why
        count += killed
        early += killed and "done" not in told
    # A call that only some runs make is not always hit.
    check(count >= 0.9 * len(aims) and early > 0, f"{count} kills of {len(aims)}")
    print(f"# faults: {count} kills of totp-helper in {what}", flush=True)


PHONES = {}  # of which no code of now was used yet


def get_phones():
    for user in ("vera", "lena", "rita"):
        PHONES[user] = enrol(user, period=15)


def wait_for_phones():
    """The codes of the enrolment are past."""
    time.sleep(16 - time.time() % 15)


def siege_code(user, what, request, last):
    """`last`: what tells that the code was accepted."""
    phone = PHONES[user]
    used = []

    def begin(h):
        h.send("request", **request)

    def finish(h, code):
        h.code(code)
        if last != "done":
            h.expect(last)
        h.done(0)

    def work(h):
        used[:] = [phone.code(0)]
        begin(h)
        finish(h, used[0])

    def look(told):
        accepted = last in told
        for _ in range(2):
            now = admin_verify(user, used[0])
            check(not (now and accepted), "a code was accepted twice")
            accepted = accepted or now
        equal(states(user), [("phone", "active")])
        h = Helper(user)
        begin(h)
        finish(h, phone.code(1))
        check(not admin_verify(user, used[0]), "a code was accepted again")

    besiege(user, what, work, look)


def test_verify():
    wait_for_phones()
    siege_code("vera", "verify", {"op": "verify"}, "done")


def test_login():
    siege_code("lena", "a login by it", {"op": "login", "service": "locker", "tell": 0},
               "verdict")


def test_add():
    made = []

    def work(h):
        made.clear()
        h.add("phone")
        h.password()
        phone = h.secret()
        made[:] = [phone, *phone.fresh()]
        h.codes(made[1:])
        h.expect("recovery")
        h.done(0)

    def look(told):
        now = states("adam")
        check(now in ([], [("phone", "pending")], [("phone", "active")]), now)
        if "recovery" in told or "done" in told:
            equal(now, [("phone", "active")], "told")
        for code in made[1:]:
            check(not admin_verify("adam", code), "a code of the activation is accepted")
        h = Helper("adam").add("tablet" if ("phone", "active") in now else "phone")
        h.password()
        if ("phone", "active") in now:
            h.code(made[0].code(1))
        h.codes(h.secret().fresh())
        h.done(0)

    besiege("adam", "an enrolment", work, look)


def test_cancel():
    h = Helper("ivan").add("phone")
    h.password()
    h.secret()
    h.process.kill()
    h.ended()
    equal(status("ivan")["pending"], "1")

    def work(h):
        h.send("request", op="cancel")
        h.done(0)

    def look(told):
        now = states("ivan")
        check(now in ([], [("phone", "pending")]), now)
        check(not ("done" in told and now), "told, but still pending")
        h = Helper("ivan")
        h.send("request", op="cancel")
        h.done(0 if now else 6)

    besiege("ivan", "cancel", work, look)


def test_recovery_codes():
    phone = PHONES["rita"]
    used, sheet = [], []

    def change(h, code):
        h.send("request", op="recovery-codes")
        h.password()
        h.code(code)
        shown = h.expect("recovery")
        sheet[:] = [shown[f"code{i}"] for i in range(10)]
        h.done(0)

    def work(h):
        used[:] = [phone.code(0)]
        sheet.clear()
        change(h, used[0])

    def look(told):
        accepted = "recovery" in told
        # Between state and record the old sheet is void and the new one not there yet.
        left = status("rita")["recovery-left"]
        check(left == "10" or (left == "0" and not accepted), "codes left:", left)
        for _ in range(2):
            now = admin_verify("rita", used[0])
            check(not (now and accepted), "the proof was accepted again")
            accepted = accepted or now
        if sheet:
            equal([admin_verify("rita", sheet[0]) for _ in range(2)], [True, False], "sheet")
        change(Helper("rita"), phone.code(1))

    besiege("rita", "new recovery codes", work, look)


TESTS = (test_add, test_cancel, test_verify, test_login, test_recovery_codes)

if __name__ == "__main__":
    try:
        sys.exit(run(__file__, USERS, TESTS, get_phones))
    finally:
        shutil.rmtree(KEPT)
