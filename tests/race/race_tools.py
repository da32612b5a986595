#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Two tools at once, and tools against logins, with the programs as they are installed: seven
administrators and the user himself change devices of one account, each his own, while others
log in with one code of it. What DESIGN section 2 promises then:

 - whatever a tool acknowledged is in the store at the end, and what it refused is not;
 - of all who present one code, at a login or to a tool, exactly one is let through.
"""

import glob
import json
import os
import subprocess
import sys
import threading
import time

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
# pylint: disable=wrong-import-position
from helper_client import CONF, PASSWORD, STORE, Helper, check, devices, equal, run  # noqa: E402

ADMINS = 6    # who change a device each
CHANGES = 12  # each, in a round
HOSTS = 6     # programs that log in
LOGINS = 10   # each, in a round
VERIFIERS = 2
ROUNDS = 3
BUSY = 8      # exit code
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3P%s"


def prepare():
    module = glob.glob("/usr/local/lib/**/security/pam_totp.so", recursive=True)[0]
    with open("/etc/pam.d/race", "w", encoding="ascii") as file:
        file.write(f"auth required {module}\n")
    with open(CONF, "w", encoding="ascii") as file:
        file.write("throttle_after = 1000\nlock_after = 1000\n")
    os.chmod(CONF, 0o644)


def admin(*words, text=""):
    return subprocess.run(["/usr/local/sbin/totp-admin", *words], input=text, text=True,
                          capture_output=True, check=False, timeout=60)


class Worker(threading.Thread):
    """Somebody at work from the moment on when all are."""

    def __init__(self, start):
        super().__init__()
        self.barrier = start
        self.trouble = None

    def run(self):
        self.barrier.wait()
        try:
            self.work()
        except Exception as trouble:  # told by the main thread
            self.trouble = trouble

    def work(self):
        raise NotImplementedError


class Admin(Worker):
    """Changes a device of his own again and again, and remembers what was acknowledged."""

    def __init__(self, start, number, name, state):
        super().__init__(start)
        self.number = number
        self.name = name
        self.state = state
        self.done = self.busy = 0

    def change(self, verb, *words, **after):
        got = admin(verb, "alice", self.name, *words)
        if got.returncode == BUSY:
            self.busy += 1
            return
        equal(got.returncode, 0, f"{verb}: {got.stderr}")
        self.done += 1
        self.name = after.get("name", self.name)
        self.state = after.get("state", self.state)

    def work(self):
        for i in range(1, CHANGES + 1):
            if i % 3 == 1:
                name = f"a{self.number}-{i}" + "r" * (self.name[-1] != "r")
                self.change("rename", name, name=name)
            elif self.state == "active":
                self.change("disable", "--force", state="disabled")
            else:
                self.change("enable", "--force", state="active")


class Owner(Worker):
    """Renames a device of his own account, each time with another recovery code."""

    def __init__(self, start, codes, name):
        super().__init__(start)
        self.codes = codes
        self.name = name

    def work(self):
        for i in range(1, 4):
            name = f"mine-{i}" + "r" * (self.name[-1] != "r")
            h = Helper("alice")
            h.send("request", op="rename", name=self.name, new_name=name)
            h.password(PASSWORD % "alice")
            h.code(self.codes.pop())
            h.done(0)
            self.name = name


class Host(Worker):
    """Logs in with the code again and again."""

    def __init__(self, start, code):
        super().__init__(start)
        self.code = code
        self.accepted = 0

    def work(self):
        order = {"service": "race", "user": "alice", "logins": LOGINS}
        done = subprocess.run(
            [sys.executable, os.path.join(SUPPORT, "pam_host.py"), json.dumps(order)],
            input=(self.code + "\n") * LOGINS, capture_output=True, text=True, check=False,
            timeout=120)
        check(done.stdout, done.stderr)
        codes = json.loads(done.stdout)["codes"]
        equal(len(codes), LOGINS)
        equal([c for c in codes if c not in (0, 7)], [], "neither success nor refusal")
        self.accepted = codes.count(0)


class Verifier(Worker):
    """Gives the code to totp-helper."""

    def __init__(self, start, code):
        super().__init__(start)
        self.code = code
        self.accepted = 0

    def work(self):
        h = Helper("alice")
        h.send("request", op="verify")
        h.code(self.code)
        self.accepted += h.end() == "0"


def enrol():
    """The account: a phone, one device an administrator, and one for the user himself."""
    h = Helper("alice").add("phone", period=15)
    h.password()
    phone = h.secret()
    h.codes(phone.fresh())
    h.done(0)
    for i, name in enumerate([f"a{n}-0" for n in range(ADMINS)] + ["mine-0"]):
        added = admin("add", "alice", name, "--secret-file", "-", text=KEY % ("AB"[i % 2] +
                      "CDEFGHIJ"[i]) + "\n")
        equal(added.returncode, 0, added.stderr)
    return phone, h.recovery


def settle(phone):
    """Wait until a code is shown that nobody has used, for a whole period."""
    time.sleep(2 * phone.period - time.time() % phone.period + 0.2)


def test_nothing_is_lost_and_no_code_counts_twice():
    phone, codes = enrol()
    names = [(f"a{n}-0", "active") for n in range(ADMINS)]
    mine = "mine-0"
    for number in range(ROUNDS):
        settle(phone)
        code = phone.code()
        start = threading.Barrier(ADMINS + 1 + HOSTS + VERIFIERS)
        admins = [Admin(start, n, *names[n]) for n in range(ADMINS)]
        owner = Owner(start, codes, mine)
        asking = [Host(start, code) for _ in range(HOSTS)]
        asking += [Verifier(start, code) for _ in range(VERIFIERS)]
        crowd = [*admins, owner, *asking]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        for one in crowd:
            check(one.trouble is None, f"{type(one).__name__}: {one.trouble}")
        names, mine = [(a.name, a.state) for a in admins], owner.name
        found = {d["name"]: d["state"] for d in devices("alice")}
        equal(found, {"phone": "active", mine: "active", **dict(names)}, "what is stored")
        accepted = sum(one.accepted for one in asking)
        print(f"# round {number + 1}: {sum(a.done for a in admins)} changes and 3 of the user "
              f"acknowledged, {sum(a.busy for a in admins)} busy, {accepted} of "
              f"{HOSTS * LOGINS + VERIFIERS} tries let through", flush=True)
        equal(accepted, 1, "let through with one code")
        check(sum(a.done for a in admins) > ADMINS * CHANGES // 2, "most are busy")
    temporary = [n for part in ("secrets", "state") for n in os.listdir(f"{STORE}/{part}")
                 if n not in ("alice",)]
    equal(temporary, [], "left in the store")


if __name__ == "__main__":
    sys.exit(run(__file__, ("alice",), (test_nothing_is_lost_and_no_code_counts_twice,), prepare))
