#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""A real screen locker that is not root: vlock on a terminal, with the PAM file of the examples.
Debian installs it set-uid root (to lock all consoles), and then the module needs no helper. A
copy without that bit locks this terminal as swaylock and its like lock theirs. What the module does there is tested in cli/by_helper.py; this is about a whole host.
"""

import os
import shutil
import sys

import pexpect

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite

LOCKER = "/usr/local/bin/vlock-main"
SETTINGS = """\
unenrolled = deny
[service vlock]
unenrolled = skip
"""


def prepare():
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(SETTINGS)
    os.chmod(host.SETTINGS, 0o644)
    host.install_service("vlock-totp", "vlock")
    host.run("chpasswd", text="root:the password of root\n")
    host.TOLD.add("the password of root")
    shutil.copy("/usr/sbin/vlock-main", LOCKER)
    os.chmod(LOCKER, 0o755)
    return []


class Screen:
    """A locked terminal. It stays locked until `done`."""

    def __init__(self, user):
        self.user = user
        line = host.as_user(user, LOCKER)
        # Without a name of a plugin it locks this terminal and says nothing.
        self.child = pexpect.spawn(line[0], line[1:], encoding="utf-8", timeout=30,
                                   env={"PATH": os.environ["PATH"], "USER": user, "TERM": "vt100"})

    def see(self, text):
        self.child.expect(text)

    def send(self, text):
        host.TOLD.add(text)
        self.child.sendline(text)

    def password(self, text):
        self.child.sendline("")  # wake it
        self.see(f"{self.user}'s [Pp]assword: ?")
        self.send(text)

    def opened(self):
        """Whether it lets the user at the terminal; closes it."""
        which = self.child.expect([pexpect.EOF, "root's [Pp]assword: ?", "Authentication"])
        if which == 0:
            self.child.close()
            return self.child.exitstatus == 0
        return False


def one_with_a_device(s):
    password = host.add_user("vera")
    phone = host.add_device("vera", period=15)
    screen = Screen("vera")
    screen.password(password)
    screen.see("MFA code: ?")
    code = phone.fresh()
    screen.send(code)
    s.check("password and code open the screen", screen.opened(), screen.child.before)
    s.matches("the module's log line", (suite.LOG.module("vlock", "user=vera") or [""])[-1],
              "event=accept reason=code user=vera service=vlock rhost=[^ ]+ tty=[^ ]+ "
              "device=phone fails=0 wait=0.*")
    s.check("totp-helper consumed the code", any(
        "totp-helper" in line and "event=login result=ok" in line and "user=vera" in line
        for line in suite.LOG.lines))

    screen = Screen("vera")
    screen.password(password)
    screen.see("MFA code: ?")
    screen.send(code)
    screen.see("already used")
    s.check("a used code does not", not screen.opened(), screen.child.before)
    # vlock's second chance, which is another account's.
    screen.child.sendline("the password of root")
    s.equal("nor does root's password", screen.child.expect([pexpect.EOF, "failure"]), 1,
            screen.child.before)
    screen.child.close(force=True)

    screen = Screen("vera")
    screen.password("not the password")
    s.check("a wrong password is not asked a code", not screen.opened(), screen.child.before)
    s.check("and the module was not reached", "MFA" not in screen.child.before)
    screen.child.close(force=True)


def one_without(s):
    password = host.add_user("will")
    screen = Screen("will")
    screen.password(password)
    s.check("skip: who has no device opens the own screen", screen.opened(), screen.child.before)


if __name__ == "__main__":
    if not shutil.which("vlock"):
        print("1..0 # SKIP needs vlock")
        sys.exit(0)
    sys.exit(suite.main(__file__, [one_with_a_device, one_without], prepare))
