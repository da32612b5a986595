#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Real sudo and real su with the shipped PAM services, started by ordinary users on a
terminal of their own; and a code that was used at one door refused at another.

sudo has examples/pam.d/sudo-totp beside its old service, by the sudoers lines which that
file gives; su has examples/pam.d/su-totp as /etc/pam.d/su. Only the module's path is edited.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

SSHD = {}
TTY = r"(/dev/)?pts/\d+"


def prepare():
    host.install_service("sudo-totp", "sudo-totp")
    host.install_service("su-totp", "su")
    host.install_service("sshd-totp", "sshd-totp")
    with open(f"{host.TOP}/examples/pam.d/sudo-totp", encoding="ascii") as file:
        advice = re.findall(r"^#   (Defaults .*)$", file.read(), re.MULTILINE)
    with open("/etc/sudoers.d/totp", "w", encoding="ascii") as file:
        file.write("\n".join(advice) + "\nDefaults !lecture\n%sudo ALL=(ALL:ALL) ALL\n")
    os.chmod("/etc/sudoers.d/totp", 0o440)
    host.run("visudo", "--check", "--quiet")
    SSHD["sshd-totp"] = host.Sshd("sshd-totp", "50-totp-password.conf").start()
    return list(SSHD.values())


def answers(passwords, codes):
    return {PASSWORD: passwords, CODE: codes}


def sudo(user, passwords, codes, script="sudo sh -c 'id -u; echo {mark}'"):
    """A shell of the user's in which sudo is called; all of it has one terminal."""
    return login(host.as_user(user, "sh", "-c", script), answers(passwords, codes))


def su(caller, target, passwords, codes):
    return login(host.as_user(caller, "su", target, "-c", "echo {mark}"),
                 answers(passwords, codes))


def ssh(user, password, code):
    return login(SSHD["sshd-totp"].client(user), answers([password], [code]))


def last(service, user, reason):
    found = suite.LOG.module(service, f"user={user}", f"reason={reason}")
    return found[-1] if found else ""


def with_sudo(s):
    password = host.add_user("sue", ("sudo",))
    phone = host.add_device("sue", period=15)
    done = sudo("sue", [password], [phone.fresh])
    s.check("sudo: password and code get root", done.got_in, done)
    s.check("sudo: it is root", "\n0\n" in done.transcript, done)
    s.equal("sudo: password, then code are asked for", done.prompts, [PASSWORD, CODE])
    s.matches("sudo: log line", last("sudo-totp", "sue", "code"),
              "event=accept reason=code user=sue service=sudo-totp rhost=[^ ]+ "
              f"tty={TTY} device=phone fails=0 wait=0")

    phone.wait_next()
    done = sudo("sue", [password], [phone.fresh],
                "sudo true; sudo echo again; sudo sh -c 'echo {mark}'")
    s.check("sudo: its time stamp counts for the next commands", done.got_in, done)
    s.equal("sudo: and so it asks once", done.prompts, [PASSWORD, CODE], done)
    phone.wait_next()
    done = sudo("sue", [password], [phone.fresh], "sudo true; sudo -k; sudo echo {mark}")
    s.check("sudo -k: asked anew, and nothing without an answer", not done.got_in, done)
    s.equal("sudo -k: the password first", done.prompts, [PASSWORD, CODE, PASSWORD], done)
    phone.wait_next()
    done = sudo("sue", [password], [phone.fresh], "sudo -i echo {mark}")
    s.check("sudo -i: password and code get root", done.got_in, done)
    s.equal("sudo -i: asks for the code as well", done.prompts, [PASSWORD, CODE])
    done = sudo("sue", [], [], "sudo -n echo {mark}")
    s.check("sudo -n: denied", not done.got_in, done)


def sudo_refuses(s):
    password = host.add_user("sid", ("sudo",))
    phone = host.add_device("sid", period=15)
    used = []

    def use():
        used.append(phone.fresh())
        return used[-1]
    done = sudo("sid", ["not it", password], [use])
    s.check("sudo: a wrong password first, then both right: in", done.got_in, done)
    s.equal("sudo: no code is asked for behind the wrong password", done.prompts,
            [PASSWORD, PASSWORD, CODE], done)
    s.equal("sudo: one line, of the right one", len(suite.LOG.module("sudo-totp", "user=sid")), 1)
    done = sudo("sid", [password], [phone.wrong()])
    s.check("sudo: right password, wrong code: denied", not done.got_in, done)
    s.equal("sudo: and then starts again with the password", done.prompts,
            [PASSWORD, CODE, PASSWORD], done)
    s.matches("sudo: log line of a wrong code", last("sudo-totp", "sid", "wrong"),
              "event=deny reason=wrong user=sid service=sudo-totp rhost=[^ ]+ "
              f"tty={TTY} device=- fails=1 wait=0")
    done = sudo("sid", [password], [used[0]])
    s.check("sudo: its own code again: denied", not done.got_in, done)
    s.check("sudo: it lets no module tell why", "already used" not in done.transcript, done)
    s.matches("sudo: the log tells it", last("sudo-totp", "sid", "reused"),
              r"event=deny .* device=phone fails=2 wait=\d+")
    host.add_user("stan", ("sudo",))
    done = sudo("stan", ["no password"] * 3, [])
    s.equal("sudo: an unenrolled user with wrong passwords meets the same prompts",
            done.prompts, [PASSWORD] * 3, done)


def from_door_to_door(s):
    password = host.add_user("dora", ("sudo",))
    phone = host.add_device("dora", period=15)
    used = []

    def use():
        used.append(phone.fresh(seconds=10))
        return used[-1]
    s.check("ssh with a code: in", ssh("dora", password, use).got_in)
    done = sudo("dora", [password], [used[-1]])
    s.check("that code at sudo: denied", not done.got_in, done)
    s.matches("that code at sudo: logged as reused", last("sudo-totp", "dora", "reused"),
              r"event=deny .* device=phone fails=1 wait=\d+")
    phone.wait_next()
    done = sudo("dora", [password], [use])
    s.check("the next code at sudo: in", done.got_in, done)
    done = ssh("dora", password, used[-1])
    s.check("that code at ssh: denied", not done.got_in, done)
    s.matches("that code at ssh: logged as reused", last("sshd-totp", "dora", "reused"),
              r"event=deny .* device=phone fails=1 wait=\d+")
    phone.wait_next()
    host.add_user("dan")
    done = su("dan", "dora", [password], [use])
    s.check("the next code at su: in", done.got_in, done)
    done = ssh("dora", password, used[-1])
    s.check("that code at ssh: denied, too", not done.got_in, done)


def with_su(s):
    password = host.add_user("abe")
    phone = host.add_device("abe", period=15)
    host.add_user("bea")
    done = su("bea", "abe", [password], [phone.fresh])
    s.check("su: password and code of the account changed to get in", done.got_in, done)
    s.equal("su: asks for both", done.prompts, [PASSWORD, CODE])
    s.matches("su: log line", last("su", "abe", "code"),
              f"event=accept reason=code user=abe service=su rhost=- tty={TTY} "
              "device=phone fails=0 wait=0")
    done = su("bea", "abe", ["not it"], [])
    s.check("su: wrong password: denied", not done.got_in, done)
    s.equal("su: wrong password: no code is asked for", done.prompts, [PASSWORD])
    done = su("bea", "abe", [password], [phone.wrong()])
    s.check("su: wrong code: denied", not done.got_in, done)
    done = su("bea", "abe", [password], ["not a code"])
    s.check("su: no code at all: denied", not done.got_in, done)
    s.matches("su: no code at all: not counted", last("su", "abe", "malformed"),
              f"event=deny reason=malformed user=abe service=su rhost=- tty={TTY} "
              "device=- fails=0 wait=0")
    done = login(["su", "abe", "-c", "echo {mark}"], {})
    s.check("su by root: in", done.got_in, done)
    s.equal("su by root: nothing is asked", done.prompts, [])

    # One local caller's guesses make only that caller wait.
    for _ in range(5):
        su("bea", "abe", [password], [phone.wrong()])
    done = su("bea", "abe", [password], [phone.fresh])
    s.check("su: after too many wrong codes a right one is denied", not done.got_in, done)
    s.check("su: the log says why", last("su", "abe", "throttled") != "")
    host.add_user("cleo")
    phone.wait_next()
    done = su("cleo", "abe", [password], [phone.fresh])
    s.check("su: another caller gets in meanwhile", done.got_in, done)


suite.main(__file__, [with_sudo, sudo_refuses, from_door_to_door, with_su], prepare)
