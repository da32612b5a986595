#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Enrolment inside the login of a real sshd by a real ssh client on a terminal that is
photographed: the first login enrols and gets in, the next one needs a code. Who breaks it
off, types wrong codes, comes second or has no ticket gets nothing, by whatever way of
ssh.

The service is examples/pam.d/sshd-totp-enroll, the phone's camera is zbarimg.
"""

import os
import re
import secrets
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login
from terminal import Terminal, distant, zbarimg

SETTINGS = """\
unenrolled = enroll
throttle_after = 50
[service sshd-ticket]
enrol_ticket = required
[service sshd-ascii]
qr = ascii
"""
SSHD = {}
NAME = r"Name of the device \[phone\]: ?$"
FIRST = r"Code 1: ?$"
SECOND = r"Code 2: ?$"
SHEET = "Press Enter:"


def prepare():
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(SETTINGS)
    for service in ("sshd-enroll", "sshd-ticket", "sshd-ascii"):
        host.install_service("sshd-totp-enroll", service)
        SSHD[service] = host.Sshd(service, "50-totp-password.conf").start()
    # Any loading makes the store; somebody has to have a record.
    host.add_user("first")
    host.add_device("first")
    return list(SSHD.values())


def start(user, password, *command, service="sshd-enroll", rows=24, columns=80):
    """ssh on a terminal, past the password."""
    terminal = Terminal([*SSHD[service].client(user), *command], rows=rows, columns=columns)
    terminal.wait("assword:")
    terminal.type(password + "\r")
    return terminal


def begin(user, password, *command, name="", **kind):
    """The same, past the name, with the secret on the screen."""
    terminal = start(user, password, *command, **kind)
    terminal.wait("Name of the device")
    terminal.type(name + "\r")
    terminal.wait("Code 1: ")
    return terminal


def camera(terminal, user):
    return host.Phone(zbarimg(terminal.picture(f"/run/screen.{user}.pgm")))


def key_on(screen):
    """The key as a person reads it."""
    return re.sub(r"\s", "", re.search(r"^((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})\nCode 1:", screen, re.MULTILINE).group(1))


def give(terminal, code):
    host.TOLD.add(code)
    terminal.type(code + "\r")


def give_two(terminal, phone):
    """Two codes, each when it is shown. Returns them."""
    first = phone.fresh()
    give(terminal, first)
    terminal.wait("Code 2: ")
    phone.wait_next()
    second = phone.fresh()
    give(terminal, second)
    return first, second


def take_sheet(terminal):
    """Write the recovery codes down. Returns them."""
    terminal.wait(SHEET)
    found = re.findall(r"\b(?:[a-z]{5}-){3}[a-z]{5}\b", terminal.text())
    host.TOLD.update(found)
    terminal.type("\r")
    return found


def log(user, service="sshd-enroll"):
    return "\n".join(suite.LOG.module(service, f"user={user}"))


def has_record(user):
    return os.path.exists(f"/var/lib/pam_totp/secrets/{user}")


def was_let_in(user, service="sshd-enroll"):
    return f"Accepted keyboard-interactive/pam for {user} " in SSHD[service].read_log()


def first_login(s):
    password = host.add_user("eve")
    mark = "in-" + secrets.token_hex(8)
    terminal = begin("eve", password, "sleep", "1;", "echo", mark)
    phone = camera(terminal, "eve")
    s.equal("zbarimg reads the QR code off the 80x24 screen of ssh",
            phone.label.split(":")[-1], "eve", terminal.text())
    s.equal("the key below it is the same", key_on(terminal.text()), phone.secret,
            terminal.text())
    s.check("nothing is stored before the codes", not has_record("eve"))
    codes = give_two(terminal, phone)
    sheet = take_sheet(terminal)
    s.equal("ten recovery codes are shown", len(sheet), 10, terminal.text())
    terminal.wait(mark)
    s.equal("the login goes on without a third code", terminal.finish(), 0, terminal.text())
    s.equal("the log", log("eve").split("\n"), [
        "event=enrol reason=begun user=eve service=sshd-enroll rhost=127.0.0.1 tty=ssh "
        "device=phone",
        "event=enrol reason=confirmed user=eve service=sshd-enroll rhost=127.0.0.1 tty=ssh "
        "device=phone",
        "event=accept reason=enrolled user=eve service=sshd-enroll rhost=127.0.0.1 tty=ssh "
        "device=phone fails=0 wait=0"])
    client = SSHD["sshd-enroll"].client("eve")
    for code in codes:
        done = login(client, {PASSWORD: [password], CODE: [code]})
        s.check("a code of the enrolment logs nobody in", not done.got_in, done)
        s.equal("the second login asks for a code", done.prompts, [PASSWORD, CODE])
    done = login(client, {PASSWORD: [password], CODE: [sheet[0]]})
    s.check("a recovery code does", done.got_in, done)
    phone.wait_next()
    done = login(client, {PASSWORD: [password], CODE: [phone.fresh]})
    s.check("and so does the next code", done.got_in, done)


def narrow_and_ascii(s):
    password = host.add_user("ned")
    terminal = begin("ned", password, name="tablet", columns=40, rows=20)
    key = key_on(terminal.text())
    s.equal("on 40x20 the key can be read", len(key), 32, terminal.text())
    phone = host.Phone(f"otpauth://totp/x:ned?secret={key}&issuer=x")
    give_two(terminal, phone)
    s.equal("and all recovery codes", len(take_sheet(terminal)), 10, terminal.text())
    terminal.type("exit\r")
    terminal.finish()
    s.check("who typed the key is enrolled", has_record("ned") and was_let_in("ned"))

    password = host.add_user("asa")
    terminal = begin("asa", password, service="sshd-ascii", rows=60, columns=120)
    s.check("qr=ascii: nothing but ASCII", terminal.text().isascii(), terminal.text())
    picture = distant(terminal.picture("/run/screen.asa.pgm"))
    s.equal("qr=ascii: zbarimg reads it", host.Phone(zbarimg(picture)).secret,
            key_on(terminal.text()), terminal.text())
    terminal.child.close(force=True)


def dropped(s):
    password = host.add_user("dora")
    terminal = begin("dora", password)
    phone = camera(terminal, "dora")
    give(terminal, phone.fresh())
    terminal.wait("Code 2: ")
    terminal.child.close(force=True)
    time.sleep(2)
    s.check("a dropped connection leaves no record", not has_record("dora"))
    s.check("and lets nobody in", not was_let_in("dora"))
    terminal = begin("dora", password)
    again = camera(terminal, "dora")
    s.check("the next login makes another secret", again.secret != phone.secret)
    give_two(terminal, again)
    terminal.wait(SHEET)
    terminal.child.close(force=True)
    time.sleep(2)
    s.check("who leaves at the recovery codes is not let in", not was_let_in("dora"))
    again.wait_next()
    done = login(SSHD["sshd-enroll"].client("dora"), {PASSWORD: [password], CODE: [again.fresh]})
    s.check("but has a device that logs in", done.got_in, done)


def wrong_second_code(s):
    password = host.add_user("wes")
    terminal = begin("wes", password, "true")
    phone = camera(terminal, "wes")
    give(terminal, phone.fresh())
    terminal.wait("Code 2: ")
    give(terminal, phone.wrong())
    terminal.wait("is wrong: enter two codes that follow")
    s.check("a wrong second code stores nothing", not has_record("wes"))
    terminal.wait("each other.")
    time.sleep(0.5)
    give_two_after(terminal, phone)
    take_sheet(terminal)
    s.equal("a right pair after it enrols", terminal.finish(), 0, terminal.text())
    s.check("the log has the reason", "event=enrol reason=second-wrong user=wes" in log("wes"),
            log("wes"))

    password = host.add_user("wim")
    done = login(SSHD["sshd-enroll"].client("wim"), {
        PASSWORD: [password], NAME: [""], FIRST: ["000000"] * 3, SECOND: ["111111"] * 3})
    s.check("three wrong pairs are refused", not done.got_in, done)
    s.equal("three times two codes are asked for, no other", done.prompts,
            [PASSWORD, NAME] + [FIRST, SECOND] * 3)
    s.check("and the user is told", "No MFA device was assigned" in done.transcript, done)
    s.check("nothing is stored", not has_record("wim"))
    host.TOLD.discard("")  # the name that was not given is no secret


def give_two_after(terminal, phone):
    """The same after a first pair, whose questions are still on the screen."""
    give(terminal, phone.fresh())
    end = time.monotonic() + 30
    while terminal.whole().count("Code 2: ") < 2:
        terminal.read()
        if time.monotonic() > end:
            raise AssertionError(terminal.text())
    phone.wait_next()
    give(terminal, phone.fresh())


def two_at_once(s):
    password = host.add_user("tom")
    one = begin("tom", password, "true")
    two = begin("tom", password, "true")
    phone, other = camera(one, "tom"), camera(two, "tom2")
    s.check("each has a secret of its own", phone.secret != other.secret)
    give_two(one, phone)
    take_sheet(one)
    s.equal("the first that is through gets in", one.finish(), 0, one.text())
    give_two(two, other)
    two.wait("have changed")
    s.check("the other one is told", "meanwhile" in two.text().replace("\n", ""), two.text())
    s.check("and refused", two.finish() != 0, two.text())
    s.check("the log says so", "event=enrol reason=changed-meanwhile user=tom" in log("tom"),
            log("tom"))
    other.settle(8)
    done = login(SSHD["sshd-enroll"].client("tom"), {PASSWORD: [password], CODE: [other.fresh]})
    s.check("its phone is of no use", not done.got_in, done)
    phone.wait_next()
    done = login(SSHD["sshd-enroll"].client("tom"), {PASSWORD: [password], CODE: [phone.fresh]})
    s.check("the first one's logs in", done.got_in, done)


def no_way_round(s):
    password = host.add_user("nan")
    sshd = SSHD["sshd-enroll"]
    answers = {PASSWORD: [password], NAME: [""], FIRST: ["000000"] * 3, SECOND: ["111111"] * 3}
    done = login(sshd.client("nan"), answers)
    s.check("ssh host command: nothing runs", not done.got_in, done)

    words = sshd.client("nan", ("-s",))
    done = login(["ssh", "-o", "SetEnv=MARK={mark}", *words[1:], "sftp"], answers)
    s.equal("sftp is led through the same questions", done.prompts[:2], [PASSWORD, NAME], done)

    port = host.free_port()
    words = sshd.client("nan", ("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{sshd.port}"))
    terminal = Terminal(words)
    terminal.wait("assword:")
    terminal.type(password + "\r")
    terminal.wait("Name of the device")
    with socket.socket() as probe:
        s.check("ssh -N -L: no port is forwarded while it asks",
                probe.connect_ex(("127.0.0.1", port)) != 0)
    terminal.type("\r")
    for _ in range(3):
        terminal.wait("Code 1: ")
        terminal.type("12\r")
        time.sleep(1)
    s.check("ssh -N is refused", terminal.finish() != 0, terminal.text())
    with socket.socket() as probe:
        s.check("ssh -N -L: nor after it", probe.connect_ex(("127.0.0.1", port)) != 0)
    done = login(sshd.client("nan", ("-o", "BatchMode=yes")), {})
    s.check("nor is anybody let in who cannot be asked", not done.got_in, done)
    done = login(sshd.client("nan"), {PASSWORD: ["not-it"], NAME: []})
    s.equal("a wrong password is not led to the enrolment", done.prompts, [PASSWORD], done)
    s.check("none of them was let in", not was_let_in("nan"), sshd.read_log())
    s.check("nor stored anything", not has_record("nan"))
    host.TOLD.discard("")


def ticket(s):
    password = host.add_user("tia")
    TICKET = r"Enrolment ticket: ?$"
    client = SSHD["sshd-ticket"].client("tia")
    wrong = "bcdfg-hjklm-npqrs-tvwxz"
    done = login(client, {PASSWORD: [password], TICKET: [wrong], NAME: []})
    s.check("a wrong ticket is refused", not done.got_in, done)
    s.equal("before anything is shown", done.prompts, [PASSWORD, TICKET])
    made = host.run("totp-admin", "ticket", "tia")
    paper = re.search(r"\b(?:[a-z]{5}-){3}[a-z]{5}\b", made).group(0)
    host.TOLD.add(paper)
    done = login(client, {PASSWORD: [password], TICKET: [wrong], NAME: []})
    s.check("another one as well", not done.got_in, done)
    terminal = start("tia", password, "true", service="sshd-ticket")
    terminal.wait("Enrolment ticket:")
    terminal.type(paper + "\r")
    terminal.wait("Name of the device")
    terminal.type("\r")
    terminal.wait("Code 1: ")
    give_two(terminal, camera(terminal, "tia"))
    take_sheet(terminal)
    s.equal("the right one enrols", terminal.finish(), 0, terminal.text())
    host.run("totp-admin", "disable", "tia", "phone", "--force")
    done = login(client, {PASSWORD: [password], TICKET: [paper], NAME: []})
    s.check("and counts once", not done.got_in, done)
    s.equal("the log names wrong tickets", log("tia", "sshd-ticket").count("reason=ticket"), 3)


suite.main(__file__, [first_login, narrow_and_ascii, dropped, wrong_second_code, two_at_once,
                      no_way_round, ticket], prepare)
