#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""MFA sessions with real sudo and su: a code that was typed lately on this terminal spares the
next one, nobody and nowhere else, and what sudo remembers by itself cannot outlive it.

A session is made older where it lies, by its file beneath /run/pam_totp; the code that judges
its age is the one that ships. All runs in a time namespace in which the host has been up for
hours, as no session is older than the boot.
"""

import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

SESSIONS = "/run/pam_totp"
SSHD = {}


def prepare():
    host.install_service("sudo-totp", "sudo-totp", arguments="max_age=900")
    with open("/etc/pam.d/sudo-totp", "a", encoding="ascii") as file:
        file.write(f"account required {host.module_path()} max_age=900\n")
    # Another service, which asks root and has a longer time than root may have.
    host.install_service("su-totp", "su", arguments="max_age=129600")
    host.install_service("sshd-totp", "sshd-totp", arguments="max_age=900")
    with open("/etc/sudoers.d/totp", "w", encoding="ascii") as file:
        file.write("Defaults pam_service=sudo-totp, pam_login_service=sudo-totp\n"
                   "Defaults pam_askpass_service=sudo-totp\n"
                   "Defaults !lecture\n%sudo ALL=(ALL:ALL) ALL\n")
    os.chmod("/etc/sudoers.d/totp", 0o440)
    host.run("visudo", "--check", "--quiet")
    SSHD["it"] = host.Sshd("sshd-totp", "50-totp-password.conf").start()
    return list(SSHD.values())


def shell(user, script, passwords, codes):
    """A script that a shell of the user runs on one terminal."""
    return login(host.as_user(user, "sh", "-c", script), {PASSWORD: passwords, CODE: codes})


def sessions(user):
    return json.loads(host.run("totp-admin", "sessions", user, "--json"))["sessions"]


def lines(user, reason):
    return suite.LOG.module("sudo-totp", f"user={user}", f"reason={reason}")


def denials(user):
    """What the account phase logged."""
    suite.LOG.settle()
    return [line for line in list(suite.LOG.lines) if "sudo-totp:account" in line
            and f"user={user} " in line]


def age(user, seconds):
    """Make the sessions of a user older."""
    path = f"{SESSIONS}/{user}"
    with open(path, encoding="ascii") as file:
        text = file.read()
    text = re.sub(r"boottime=(\d+)", lambda m: f"boottime={int(m[1]) - seconds}", text)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def pause(name):
    """Where a script stops until Between is done."""
    return f"touch /tmp/{name}; while test -e /tmp/{name}; do sleep 0.1; done; "


class Between:
    """Does something as root when a script stops at pause(name)."""

    def __init__(self, name, action):
        self.path = f"/tmp/{name}"
        self.action = action
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        for _ in range(600):
            if os.path.exists(self.path):
                break
            time.sleep(0.1)
        try:
            self.action()
        except Exception as why:  # told by the story
            self.failure = why
        if os.path.exists(self.path):
            os.unlink(self.path)

    def done(self):
        self.thread.join()
        if self.failure is not None:
            raise self.failure


def asked_once(s):
    password = host.add_user("ann", ("sudo",))
    phone = host.add_device("ann", period=15)
    done = shell("ann", "sudo true; sudo -k; sudo echo {mark}", [password] * 2, [phone.fresh])
    s.check("sudo -k within max_age: in", done.got_in, done)
    s.equal("sudo -k: the password again, no code", done.prompts, [PASSWORD, CODE, PASSWORD],
            done)
    s.matches("log line of a session", (lines("ann", "session") or [""])[-1],
              "event=accept reason=session user=ann service=sudo-totp rhost=[^ ]+ "
              r"tty=(/dev/)?pts/\d+ device=phone fails=0 wait=0")
    s.equal("directory and file are root's alone",
            (os.stat(SESSIONS).st_mode & 0o7777, os.stat(f"{SESSIONS}/ann").st_mode & 0o7777,
             os.stat(f"{SESSIONS}/ann").st_uid), (0o700, 0o600, 0))
    found = sessions("ann")
    s.equal("totp-admin sessions: one, of sudo and the phone",
            [(x["number"], x["service"], x["caller"], x["device"]) for x in found],
            [(1, "sudo-totp", "ann", "phone")])
    phone.wait_next()
    done = shell("ann", "sudo -k; sudo echo {mark}", [password], [phone.fresh])
    s.equal("another terminal: asked for a code", done.prompts, [PASSWORD, CODE], done)
    s.check("another terminal: in by it", done.got_in, done)
    done = shell("ann", "sudo true; sudo -k; su ann -c 'echo {mark}'", [password] * 2, [])
    s.equal("no code on a new terminal: none of its sessions is ours", done.prompts[:2],
            [PASSWORD, CODE], done)


def without_a_terminal(s):
    password = host.add_user("amy", ("sudo",))
    phone = host.add_device("amy", period=15)
    done = shell("amy", "sudo true; sudo -k; setsid -w sudo -S echo {mark}", [password] * 2,
                 [phone.fresh])
    s.equal("a process that has left the terminal: asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, CODE], done)


def over_at_its_age(s):
    password = host.add_user("bob", ("sudo",))
    phone = host.add_device("bob", period=15)

    def when(seconds):
        def make():
            age("bob", seconds)
            phone.wait_next()
        return make
    between = [Between("bob-1", when(800)), Between("bob-2", when(101))]
    done = shell("bob", "sudo true; " + pause("bob-1") + "sudo -k; sudo true; " +
                 pause("bob-2") + "sudo -k; sudo echo {mark}", [password] * 3,
                 [phone.fresh] * 2)
    for one in between:
        one.done()
    s.equal("800 s old: not asked; 901 s old: asked", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)
    s.check("and in", done.got_in, done)


def cached_sudo(s):
    """sudo's own time stamp, which nothing but the account phase sees."""
    password = host.add_user("cid", ("sudo",))
    phone = host.add_device("cid", period=15)
    between = Between("cid-1", lambda: age("cid", 901))
    done = shell("cid", "sudo echo first-$((1+1)); sudo echo second-$((1+1)); " +
                 pause("cid-1") + "sudo echo third-$((1+1)); sudo -k; echo {mark}",
                 [password], [phone.fresh])
    between.done()
    s.equal("time stamp: password and code once", done.prompts, [PASSWORD, CODE], done)
    s.check("time stamp: counts while the code is young", "second-2" in done.transcript, done)
    s.check("time stamp: is refused when the code is too old",
            "third-2" not in done.transcript, done)
    s.equal("account phase: logged once", len(denials("cid")), 1)
    s.check("account phase: the reason", "event=deny reason=session-over user=cid" in
            "".join(denials("cid")), denials("cid"))
    phone.wait_next()
    between = Between("cid-2", lambda: host.run("totp-admin", "revoke", "cid"))
    done = shell("cid", "sudo true; " + pause("cid-2") + "sudo echo third-$((1+1)); "
                 "echo {mark}", [password], [phone.fresh])
    between.done()
    s.check("revoked: the time stamp is of no use", "third-2" not in done.transcript, done)
    s.equal("revoked: nothing is listed", sessions("cid"), [])


def by_root(s):
    done = login(["sudo", "echo", "{mark}"], {})
    s.check("sudo by root: in, with the account line", done.got_in, done)
    s.equal("sudo by root: nothing is asked", done.prompts, [], done)


def void(s):
    password = host.add_user("dan", ("sudo",))
    phone = host.add_device("dan", period=15)
    host.add_device("dan", "spare", period=15, ago=None)

    def disable():
        host.run("totp-admin", "disable", "dan", "phone")
    between = Between("dan-1", disable)
    done = shell("dan", "sudo true; " + pause("dan-1") + "sudo -k; sudo echo {mark}",
                 [password] * 2, [phone.fresh])
    between.done()
    s.equal("device disabled: asked", done.prompts, [PASSWORD, CODE, PASSWORD, CODE], done)

    password = host.add_user("dot", ("sudo",))
    phone = host.add_device("dot", period=15)

    def spoil():
        with open(f"{SESSIONS}/dot", "a", encoding="ascii") as file:
            file.write("junk\n")
        phone.wait_next()
    between = Between("dot-1", spoil)
    done = shell("dot", "sudo true; " + pause("dot-1") + "sudo -k; sudo echo {mark}",
                 [password] * 2, [phone.fresh] * 2)
    between.done()
    s.equal("damaged file: asked", done.prompts, [PASSWORD, CODE, PASSWORD, CODE], done)
    s.check("damaged file: nobody is locked out", done.got_in, done)
    s.equal("damaged file: replaced by the new session", len(sessions("dot")), 1)
    suite.LOG.settle()
    s.check("damaged file: logged", any("event=session-unreadable user=dot " in line
                                        for line in list(suite.LOG.lines)))


def revoked(s):
    password = host.add_user("eve", ("sudo",))
    phone = host.add_device("eve", period=15)

    def revoke():
        host.run("totp-admin", "revoke", "eve", "1")
        phone.wait_next()
    between = Between("eve-1", revoke)
    done = shell("eve", "sudo true; " + pause("eve-1") + "sudo -k; sudo echo {mark}",
                 [password] * 2, [phone.fresh] * 2)
    between.done()
    s.equal("revoked by number: asked again", done.prompts, [PASSWORD, CODE, PASSWORD, CODE],
            done)
    for words in (("nobody",), ("eve", "99")):
        try:
            host.run("totp-admin", "revoke", *words)
            code = 0
        except RuntimeError as why:
            code = int(re.search(r"ended with (\d+)", str(why))[1])
        s.equal(f"revoke {' '.join(words)}: no such session", code, 6)


def root_is_asked_each_hour(s):
    password = host.add_user("fay")
    host.run("chpasswd", text=f"root:{password}\n")
    phone = host.add_device("root", period=15)
    host.add_user("guy")
    between = [Between("fay-1", lambda: age("root", 3500)),
               Between("fay-2", lambda: (age("root", 101), phone.wait_next()))]
    done = shell("fay", "su -c true; " + pause("fay-1") + "su -c true; " + pause("fay-2") +
                 "su -c 'echo {mark}'", [password] * 3, [phone.fresh] * 2)
    for one in between:
        one.done()
    s.equal("root: 3500 s old counts, 3601 s old does not, whatever max_age is", done.prompts,
            [PASSWORD, CODE, PASSWORD, PASSWORD, CODE], done)


def from_afar(s):
    password = host.add_user("hal")
    phone = host.add_device("hal", period=15)
    answers = {PASSWORD: [password], CODE: [phone.fresh]}
    done = login(SSHD["it"].client("hal"), answers)
    s.check("ssh with a code: in", done.got_in, done)
    phone.wait_next()
    done = login(SSHD["it"].client("hal"), {PASSWORD: [password], CODE: [phone.fresh]})
    s.equal("ssh again: asked again, an address is no place", done.prompts, [PASSWORD, CODE],
            done)
    s.equal("ssh: no session", sessions("hal"), [])


if sys.argv[1:] == ["--inside"] and "HOURS_AFTER_BOOT" not in os.environ:
    os.environ["HOURS_AFTER_BOOT"] = "yes"
    os.execvp("unshare", ["unshare", "--time", "--boottime", "20000", "--fork",
                          sys.executable, *sys.argv])
suite.main(__file__, [asked_once, without_a_terminal, over_at_its_age, cached_sudo, by_root, void,
                      revoked, root_is_asked_each_hour, from_afar], prepare)
