#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""A device that had to be replaced by now, in the login of a real sshd by a real ssh client on
a terminal, and in sudo: a right code of the old one leads through it, and then the login goes
on. Who breaks it off, types wrong codes or comes second gets nothing, and the old device goes
on working. The service is examples/pam.d/sshd-totp-enroll, the phone's camera is zbarimg.
"""

import os
import pwd
import re
import secrets
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login
from terminal import Terminal, zbarimg

SERVICE = "sshd-rotate"
SSHD = {}
TELL = "/usr/local/bin/tell"
TOLD = "/run/told"
READY = r"press Enter: ?$"
FIRST = r"Code 1: ?$"
SECOND = r"Code 2: ?$"


def prepare():
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(f"throttle_after = 50\nnotify = {TELL}\n")
    os.mkdir(TOLD)
    os.chmod(TOLD, 0o1777)
    with open(TELL, "w", encoding="ascii") as file:
        file.write(f"""#!/bin/sh
exec >>{TOLD}/"$2"
printf '<%s>' "$@"; id -u; ls /proc/self/fd | wc -l; env | grep -c SSH || true
""")
    os.chmod(TELL, 0o755)
    host.install_service("sshd-totp-enroll", SERVICE)
    SSHD[SERVICE] = host.Sshd(SERVICE, "50-totp-password.conf").start()
    return list(SSHD.values())


def make(user, is_overdue=True):
    """A user with a device. Returns password and phone."""
    password = host.add_user(user)
    phone = host.add_device(user)
    if is_overdue:
        host.run("totp-admin", "rotate", user, "--by", "now")
    return password, phone


def client(user):
    return SSHD[SERVICE].client(user)


def give(terminal, code):
    host.TOLD.add(code)
    terminal.type(code + "\r")


def start(user, password, phone, *command):
    """ssh on a terminal, past password and old code."""
    terminal = Terminal([*client(user), *command], rows=24, columns=80)
    terminal.wait("assword:")
    terminal.type(password + "\r")
    terminal.wait("MFA code:")
    give(terminal, phone.fresh())
    terminal.wait("press Enter:")
    return terminal


def show(terminal, user):
    """The new key. Returns the phone that took it."""
    terminal.type("\r")
    terminal.wait("Code 1: ")
    return host.Phone(zbarimg(terminal.picture(f"/run/rotate.{user}.pgm")))


def give_two(terminal, phone):
    give(terminal, phone.fresh())
    terminal.wait("Code 2: ")
    phone.wait_next()
    give(terminal, phone.fresh())


def log(user):
    return "\n".join(suite.LOG.module(SERVICE, f"user={user}"))


def states(user):
    with open(f"/var/lib/pam_totp/secrets/{user}", encoding="ascii") as file:
        text = file.read()
    return dict(zip(re.findall(r"^name (.*)$", text, re.MULTILINE),
                    re.findall(r"^state (.*)$", text, re.MULTILINE)))


def was_let_in(user):
    return f"Accepted keyboard-interactive/pam for {user} " in SSHD[SERVICE].read_log()


def led_through(s):
    password, old = make("olga")
    mark = "in-" + secrets.token_hex(8)
    terminal = start("olga", password, old, "sleep", "1;", "echo", mark)
    s.check("the reason is told before the key", "had to be replaced" in terminal.text(),
            terminal.text())
    s.check("and no key before Enter", "Code 1" not in terminal.text(), terminal.text())
    new = show(terminal, "olga")
    s.check("the key is another one", new.secret != old.secret)
    s.equal("the old device works until the codes", states("olga"), {"phone": "active"})
    give_two(terminal, new)
    terminal.wait(mark)
    s.equal("the login goes on without a third code", terminal.finish(), 0, terminal.text())
    s.check("what became of the old one is told", "kept as phone+old" in
            terminal.whole().replace("\n", " "), terminal.whole())
    s.equal("old and new have changed places", states("olga"),
            {"phone+old": "disabled", "phone": "active"})
    s.equal("the log", [line.split(" user=")[0] for line in log("olga").split("\n")], [
        "event=rotate reason=code", "event=rotate reason=begun",
        "event=rotate reason=confirmed", "event=accept reason=enrolled"])
    with open(f"{TOLD}/olga", encoding="ascii") as file:
        told = file.read().split()
    uid = pwd.getpwnam("olga").pw_uid
    s.equal("the program of notify is told, as nobody, with nothing of sshd", told,
            [f"<rotated><olga><phone><{uid}><127.0.0.1><>65534", "4", "0"])
    done = login(client("olga"), {PASSWORD: [password], CODE: [old.fresh]})
    s.check("the old code is refused", not done.got_in, done)
    new.wait_next()
    done = login(client("olga"), {PASSWORD: [password], CODE: [new.fresh]})
    s.check("the new one logs in", done.got_in, done)
    s.equal("and is all that is asked for", done.prompts, [PASSWORD, CODE])
    s.check("the user is told of the change",
            "the secret of device phone was replaced at login, from 127.0.0.1"
            in done.transcript, done)


def not_overdue(s):
    password, phone = make("nora", is_overdue=False)
    done = login(client("nora"), {PASSWORD: [password], CODE: [phone.fresh]})
    s.check("who need not replace anything is only asked", done.got_in, done)
    s.equal("once", done.prompts, [PASSWORD, CODE])
    host.run("totp-admin", "rotate", "nora", "--by", "2099-01-01")
    phone.wait_next()
    done = login(client("nora"), {PASSWORD: [password], CODE: [phone.fresh]})
    s.check("before the day as well", done.got_in and done.prompts == [PASSWORD, CODE], done)
    s.check("with a reminder", "must be replaced by 2099-01-01" in done.transcript, done)


def dropped(s):
    password, old = make("dirk")
    terminal = start("dirk", password, old)
    new = show(terminal, "dirk")
    give(terminal, new.fresh())
    terminal.wait("Code 2: ")
    terminal.child.close(force=True)
    time.sleep(2)
    s.equal("a dropped connection leaves the old device, and nothing else", states("dirk"),
            {"phone": "active"})
    s.check("and lets nobody in", not was_let_in("dirk"))
    old.wait_next()
    terminal = start("dirk", password, old, "true")
    again = show(terminal, "dirk")
    s.check("the next login shows another key", again.secret != new.secret)
    give_two(terminal, again)
    s.equal("and gets in", terminal.finish(), 0, terminal.text())


def wrong_codes(s):
    password, old = make("walt")
    done = login(client("walt"), {PASSWORD: [password], CODE: [old.wrong()]})
    s.check("a wrong code is refused", not done.got_in, done)
    s.equal("and shows nothing", done.prompts, [PASSWORD, CODE])
    done = login(client("walt"), {PASSWORD: [password], CODE: [old.fresh], READY: [""],
                                  FIRST: ["000000"] * 3, SECOND: ["111111"] * 3})
    s.check("three wrong pairs: nothing runs", not done.got_in, done)
    s.equal("three times two codes are asked for", done.prompts,
            [PASSWORD, CODE, READY] + [FIRST, SECOND] * 3)
    s.check("the user is told", "its old key still works" in done.transcript, done)
    s.equal("the old device stays", states("walt"), {"phone": "active"})
    s.check("none of them was let in", not was_let_in("walt"))
    old.wait_next()
    terminal = start("walt", password, old, "true")
    new = show(terminal, "walt")
    give(terminal, new.fresh())
    terminal.wait("Code 2: ")
    give(terminal, new.wrong())
    terminal.wait("each other.")
    s.check("a wrong second code is told",
            "event=rotate reason=second-wrong user=walt" in log("walt"), log("walt"))
    terminal.child.close(force=True)
    host.TOLD.discard("")  # Enter is no secret


def two_at_once(s):
    password, old = make("twan")
    one = start("twan", password, old, "true")
    old.wait_next()
    two = start("twan", password, old, "true")
    new, other = show(one, "twan"), show(two, "twan2")
    s.check("each has a key of its own", new.secret != other.secret)
    give_two(one, new)
    s.equal("the first that is through gets in", one.finish(), 0, one.text())
    give_two(two, other)
    two.wait("does not count")
    s.check("the other one is told and refused", two.finish() != 0, two.text())
    s.check("the log says so", "event=rotate reason=changed-meanwhile user=twan" in log("twan"),
            log("twan"))
    s.equal("one new device came of it", states("twan"),
            {"phone+old": "disabled", "phone": "active"})
    other.settle(8)
    done = login(client("twan"), {PASSWORD: [password], CODE: [other.fresh]})
    s.check("the second key is of no use", not done.got_in, done)
    new.wait_next()
    done = login(client("twan"), {PASSWORD: [password], CODE: [new.fresh]})
    s.check("the first one logs in", done.got_in, done)


def recovery_code(s):
    password, _ = make("rosa")
    made = host.run("totp-admin", "bypass", "rosa")
    paper = re.search(r"\b(?:[a-z]{5}-){3}[a-z]{5}\b", made).group(0)
    host.TOLD.add(paper)
    terminal = Terminal([*client("rosa"), "true"], rows=24, columns=80)
    terminal.wait("assword:")
    terminal.type(password + "\r")
    terminal.wait("MFA code:")
    terminal.type(paper + "\r")
    terminal.wait("press Enter:")
    new = show(terminal, "rosa")
    give_two(terminal, new)
    s.equal("who lost the phone replaces it with the administrator's code", terminal.finish(), 0,
            terminal.text())
    s.check("the log says by what", "event=rotate reason=bypass user=rosa" in log("rosa"),
            log("rosa"))


suite.main(__file__, [led_through, not_overdue, dropped, wrong_codes, two_at_once,
                      recovery_code], prepare)
