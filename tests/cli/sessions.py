#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""MFA sessions as totp-enroll, totp-helper and totp-admin list and revoke them: a user sees and
ends his own and nobody else's, without a proof; a code that no login has taken up is told by
none of them. The sessions lie where the module puts them; session_ssh.py has real ones.
"""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import Helper, as_user, check, equal, run, uid_of  # noqa: E402

USERS = ("alice", "victim", "none")
SESSIONS = "/run/pam_totp"
ON_TTY = "caller=alice class=sudo service=sudo tty=/dev/pts/7 source= audit=1 pid=2 start=3"
FROM_AFAR = "caller= class=login service=sshd tty= source=192.0.2.7 audit=1 pid=2 start=3"
BY_ADDRESS = "caller= class=login service=sshd tty= source=192.0.2.7 audit=1 pid=0 start=0"


def session(number, kind, uid, where):
    now = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    return (f"session number={number} kind={kind} uid={uid} {where} parent=0 parent-start=0 "
            f"boot=b device=1 created=2 epoch=3 name=phone boottime={max(now - 60, 0)} "
            "at=1700000000\n")


def put(user, *lines):
    os.makedirs(SESSIONS, mode=0o700, exist_ok=True)
    path = f"{SESSIONS}/{user}"
    with open(path, "w", encoding="ascii") as file:
        file.write("pam_totp-sessions 2\n" + "".join(lines) + "end\n")
    os.chmod(path, 0o600)


def put_all():
    uid = uid_of("alice")
    put("alice", session(1, "terminal", uid, ON_TTY), session(2, "passed", uid, FROM_AFAR),
        session(3, "login", uid, FROM_AFAR), session(4, "source", uid, BY_ADDRESS),
        session(5, "terminal", uid + 1000, ON_TTY))
    put("victim", session(1, "terminal", uid_of("victim"), ON_TTY))


def stored(user):
    try:
        with open(f"{SESSIONS}/{user}", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def files():
    """Of users: what begins with a dot is the helper's own."""
    names = os.listdir(SESSIONS) if os.path.isdir(SESSIONS) else []
    return [name for name in names if not name.startswith(".")]


def enroll(user, *words):
    done = as_user(uid_of(user), "/usr/local/bin/totp-enroll", *words)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def admin(*words):
    done = subprocess.run(("/usr/local/sbin/totp-admin", *words), capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def listed(user):
    """What the helper tells the user, as a list of messages."""
    h = Helper(user)
    h.send("request", op="sessions")
    found = []
    while True:
        verb, message = h.receive()
        if verb != "session":
            break
        found.append(message)
    equal((verb, message["exit"]), ("done", "0"))
    equal(h.ended(), 0)
    return found


def revoke(whose, code, **keys):
    h = Helper(whose)
    h.send("request", op="revoke", **keys)
    return h.done(code)


def test_nothing_there():
    equal(listed("none"), [])
    equal(files(), [], "reading has created something")
    equal(revoke("none", 6, number=0), "You have no MFA session.")
    equal(revoke("none", 6, number=1), "You have no MFA session 1.")
    equal(enroll("none", "sessions"),
          (0, "There is no MFA session: every login asks for a code.\n", ""))
    equal(json.loads(enroll("none", "sessions", "--json")[1]), {"user": "none", "sessions": []})
    equal(enroll("none", "revoke")[0], 6)
    equal(admin("revoke", "none")[0], 6)
    equal(files(), [], "reading has created something")


def test_own_only():
    put_all()
    found = listed("alice")
    equal([(x["number"], x["kind"], x["uid"]) for x in found],
          [(n, k, str(uid_of("alice"))) for n, k in (("1", "terminal"), ("3", "login"),
                                                     ("4", "source"))])
    equal(found[0], {"number": "1", "kind": "terminal", "class": "sudo", "service": "sudo",
                     "tty": "/dev/pts/7", "source": "", "caller": "alice", "device": "phone",
                     "at": "1700000000", "boottime": found[0]["boottime"],
                     "uid": str(uid_of("alice"))})
    equal([x["number"] for x in listed("victim")], ["1"])
    for keys in ({"user": "victim"}, {"number": "1"}):
        h = Helper("alice")
        h.send("request", op="sessions", **keys)
        h.done(2)


def test_shapes():
    put_all()
    code, out, err = enroll("alice", "sessions", "--json")
    equal((code, err), (0, ""))
    mine = json.loads(out)
    equal(mine["user"], "alice")
    code, out, _ = admin("sessions", "alice", "--json")
    equal(code, 0)
    theirs = json.loads(out)["sessions"]
    equal([x["number"] for x in theirs], [1, 3, 4, 5])
    for one in (*theirs, *mine["sessions"]):
        check(55 <= one.pop("age") <= 90)
    equal(mine["sessions"], theirs[:3])
    equal(list(theirs[1].items()), list({
        "user": "alice", "uid": uid_of("alice"), "number": 3, "kind": "login", "class": "login",
        "service": "sshd", "tty": None, "source": "192.0.2.7", "caller": None,
        "device": "phone", "code_at": "2023-11-14T22:13:20Z", "error": None}.items()))
    code, out, _ = enroll("alice", "sessions")
    lines = [line.split() for line in out.splitlines()]
    equal(lines[0], ["USER", "NUMBER", "KIND", "SERVICE", "FROM", "DEVICE", "CODE-AT", "AGE"])
    equal([line[:6] for line in lines[1:]],
          [["alice", "1", "terminal", "sudo", "/dev/pts/7", "phone"],
           ["alice", "3", "login", "sshd", "192.0.2.7", "phone"],
           ["alice", "4", "source", "sshd", "192.0.2.7", "phone"]])
    check(max(len(line) for line in out.splitlines()) <= 79, out)


def test_revoke():
    put_all()
    for number in ("-1", "1x", "", "4294967296", "%"):
        revoke("alice", 2, number=number)
    for keys in ({}, {"number": "1", "user": "victim"}, {"name": "1"}):
        revoke("alice", 2, **keys)
    # Another account's of this name, one that no login has taken up, one that there is not.
    for number in (5, 2, 9):
        equal(revoke("alice", 6, number=number), f"You have no MFA session {number}.")
    equal(stored("alice").count("session number="), 5)
    equal(revoke("alice", 0, number=3), "1 MFA session revoked.")
    check("number=3" not in stored("alice") and stored("alice").count("session number=") == 4)
    equal(enroll("alice", "revoke", "1")[0], 0)
    equal(enroll("alice", "revoke", "1")[0], 6)
    code, _, err = enroll("alice", "revoke", "one")
    equal((code, err), (2, "totp-enroll: one: expected the number of a session\n"))
    equal(enroll("alice", "revoke", "1", "2")[0], 2)
    equal(enroll("alice", "sessions", "1")[0], 2)
    equal(enroll("alice", "revoke")[0], 0)
    equal(stored("alice"), "")
    check("number=1" in stored("victim"), "another user's are left alone")


def test_unreadable():
    put_all()
    with open(f"{SESSIONS}/alice", "w", encoding="ascii") as file:
        file.write("junk\n")
    h = Helper("alice")
    h.send("request", op="sessions")
    h.done(1)
    revoke("alice", 1, number=1)
    revoke("alice", 0, number=0)
    equal(stored("alice"), "")
    put_all()
    os.chmod(f"{SESSIONS}/alice", 0o644)
    h = Helper("alice")
    h.send("request", op="sessions")
    h.done(1)
    revoke("alice", 1, number=0)
    check("number=1" in stored("alice"), "what others may have written is not touched")


TESTS = (test_nothing_there, test_own_only, test_shapes, test_revoke, test_unreadable)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS))
