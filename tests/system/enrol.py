#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""The main job, end to end: an ordinary user enrols a phone at a terminal and logs in over
a real sshd with its next code. The phone's camera is zbarimg, on the PNG file and on the
photographed screen. Then what lies around it: a device that is pending, one that the
administrator adds.
"""

import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login
from terminal import Terminal, zbarimg

SSHD = {}
ENROLLED = "Open a second terminal and test a login before you close this one."


def prepare():
    host.install_service("sshd-totp", "sshd-totp")
    SSHD["sshd-totp"] = host.Sshd("sshd-totp", "50-totp-password.conf").start()
    return list(SSHD.values())


def ssh(user, password, code):
    answers = {PASSWORD: [password], CODE: [] if code is None else [code]}
    return login(SSHD["sshd-totp"].client(user), answers)


def wizard(user, password, *words, name=None):
    """totp-enroll on a terminal of the user's, up to the first code."""
    terminal = Terminal(host.as_user(user, "env", "TERM=xterm-256color", "LANG=C.UTF-8",
                                     "totp-enroll", *words))
    if name is not None:
        terminal.wait("Device name")
        terminal.type(name + "\r")
    terminal.wait("Password:")
    terminal.type(password + "\r")
    return terminal


def type_two(terminal, phone):
    """Two codes as a person types them: each when it is shown. Returns them and the exit
    status."""
    codes = []
    for prompt in ("Code 1: ", "Code 2: "):
        terminal.wait(prompt)
        if codes:
            phone.wait_next()
        codes.append(phone.fresh())
        host.TOLD.add(codes[-1])
        terminal.type(codes[-1] + "\r")
    shown = terminal.save_recovery()
    terminal.recovery = re.findall(r"(?:[b-df-hj-np-tv-xz]{5}-){3}[b-df-hj-np-tv-xz]{5}", shown)
    host.TOLD.update(terminal.recovery)
    terminal.wait(ENROLLED)
    return codes, terminal.finish()


def by_file(s):
    password = host.add_user("fay")
    picture = "/var/lib/home/fay/phone.png"
    terminal = wizard("fay", password, "add", "phone", "--qr-file", picture)
    terminal.wait("Code 1: ")
    s.equal("the picture is the user's alone", os.stat(picture).st_mode & 0o777, 0o600)
    phone = host.Phone.from_qr(picture)
    s.equal("zbarimg reads the picture: whose account it is", phone.label.split(":")[-1], "fay")
    codes, status = type_two(terminal, phone)
    s.equal("two codes of that phone enrol it", status, 0, terminal.text())
    s.check("nothing of the secret stays on the screen",
            phone.secret[:4] not in terminal.text() and "\u2588" not in terminal.text(),
            terminal.text())
    for code in codes:
        done = ssh("fay", password, code)
        s.check("a code that enrolled the device logs nobody in", not done.got_in, done)
    phone.wait_next()
    done = ssh("fay", password, phone.fresh)
    s.check("the third code logs in over ssh", done.got_in, done)
    s.equal("with password and code", done.prompts, [PASSWORD, CODE])
    s.equal("and the log has this line", suite.LOG.module("sshd-totp", "user=fay")[-1],
            "event=accept reason=code user=fay service=sshd-totp rhost=127.0.0.1 tty=ssh "
            "device=phone fails=0 wait=0")


def by_screen(s):
    password = host.add_user("sky")
    terminal = wizard("sky", password, "add", "--period=15", name="phone")
    terminal.wait("Code 1: ")
    read = [zbarimg(terminal.picture(f"/run/screen.{ground}.pgm", ground == "dark"))
            for ground in ("dark", "light")]
    s.check("zbarimg reads the QR code off the 80x24 screen, dark or light",
            read[0].startswith("otpauth://totp/") and read[0] == read[1], *read,
            terminal.text())
    phone = host.Phone(read[0])
    typed = re.sub(r"\s", "", "".join(
        re.findall(r"^(?:[A-Z2-7]{4} ?)+$", terminal.text(), re.MULTILINE)))
    s.equal("the key below it is the same", typed, phone.secret)
    s.equal("two codes of that phone enrol it", type_two(terminal, phone)[1], 0, terminal.text())
    phone.wait_next()
    done = ssh("sky", password, phone.fresh)
    s.check("the third code logs in over ssh", done.got_in, done)


def pending(s):
    password = host.add_user("pia")
    phone = host.add_device("pia", period=15)
    terminal = wizard("pia", password, "add", "tablet", "--uri")
    terminal.wait("MFA code")
    code = phone.fresh()
    host.TOLD.add(code)
    terminal.type(code + "\r")
    terminal.wait("Code 1: ")
    tablet = host.Phone(zbarimg(terminal.picture("/run/screen.pia.pgm")))
    done = ssh("pia", password, tablet.fresh)
    s.check("a pending device lets nobody in", not done.got_in, done)
    done = ssh("pia", password, code)
    s.check("the code that was the proof at totp-enroll is used up", not done.got_in, done)
    phone.wait_next()
    done = ssh("pia", password, phone.fresh)
    s.check("beside a pending device the active one logs in", done.got_in, done)
    terminal.type("\x03")
    s.check("the wizard is stopped", terminal.finish() != 0, terminal.text())
    s.check("and has said that login is unchanged", "unchanged" in terminal.text() or
            "not assigned" in terminal.text(), terminal.text())
    phone.wait_next()
    done = ssh("pia", password, phone.fresh)
    s.check("after it as well", done.got_in, done)

    password = host.add_user("peg")
    terminal = wizard("peg", password, "add", "phone")
    terminal.wait("Code 1: ")
    phone = host.Phone(zbarimg(terminal.picture("/run/screen.peg.pgm")))
    done = ssh("peg", password, phone.fresh)
    s.check("whose only device is pending is unenrolled", not done.got_in, done)
    s.equal("and is logged as that", [text.split(" ")[1] for text in suite.LOG.module(
        "sshd-totp", "user=peg")], ["reason=unenrolled"])
    terminal.type("\x03")
    terminal.finish()


def by_administrator(s):
    password = host.add_user("ada")
    began = time.time()
    phone = host.add_device("ada", period=15, ago=None)
    codes = [phone.code_at(began + i * phone.period) for i in (-1, 0)]
    for code in codes:
        done = ssh("ada", password, code)
        s.check("a code from before totp-admin add is refused", not done.got_in, done)
    phone.wait_next()
    phone.wait_next()
    done = ssh("ada", password, phone.fresh)
    s.check("a device of totp-admin add logs in", done.got_in, done)
    host.run("totp-admin", "disable", "ada", "phone", "--force")
    phone.wait_next()
    done = ssh("ada", password, phone.fresh)
    s.check("a disabled one does not", not done.got_in, done)
    host.run("totp-admin", "delete", "ada", "phone")
    terminal = wizard("ada", password, "add", "phone", "--period=15")
    terminal.wait("Code 1: ")
    phone = host.Phone(zbarimg(terminal.picture("/run/screen.ada.pgm")))
    s.equal("its user enrols anew", type_two(terminal, phone)[1], 0, terminal.text())
    phone.wait_next()
    done = ssh("ada", password, phone.fresh)
    s.check("and logs in with the new device", done.got_in, done)


def lost(s):
    """Each recovery code is good for one login, also of many at once, and takes the lost
    device away; the user is told at the next login."""
    password = host.add_user("ray")
    terminal = wizard("ray", password, "add", "phone", "--period=15")
    terminal.wait("Code 1: ")
    phone = host.Phone(zbarimg(terminal.picture("/run/screen.ray.pgm")))
    s.equal("two codes of that phone enrol it", type_two(terminal, phone)[1], 0, terminal.text())
    codes = terminal.recovery
    s.equal("ten recovery codes are shown", len(set(codes)), 10, terminal.text())
    done = ssh("ray", password, codes[0])
    s.check("a recovery code logs in", done.got_in, done)
    s.check("and how many are left is told", "code used, 9 left." in done.transcript, done)
    s.check("and that the device was added", "device phone was added, from" in done.transcript, done)
    done = ssh("ray", password, codes[0])
    s.check("its second use is refused", not done.got_in, done)
    results = []
    threads = [threading.Thread(target=lambda: results.append(
        ssh("ray", password, codes[1]).got_in)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    s.equal("of three logins at once with one code one is let in", sorted(results),
            [False, False, True])
    terminal = wizard("ray", password, "add", "new", "--period=15")
    terminal.wait("MFA code of an active device")
    terminal.type(codes[2] + "\r")
    terminal.wait("Code 1: ")
    new = host.Phone(zbarimg(terminal.picture("/run/screen.ray.pgm")))
    now = time.time()
    terminal.type(new.code_at(now) + "\r")
    terminal.wait("Code 2: ")
    terminal.type(new.code_at(now + 15) + "\r")
    terminal.wait(ENROLLED)
    terminal.finish()
    terminal = wizard("ray", password, "remove", "phone")
    terminal.wait("MFA code of an active device")
    terminal.type(codes[3] + "\r")
    s.equal("with recovery codes a new phone takes the lost one's place", terminal.finish(), 0,
            terminal.text())
    done = ssh("ray", password, phone.fresh)
    s.check("the lost phone logs nobody in", not done.got_in, done)
    new.wait_next()
    new.wait_next()
    done = ssh("ray", password, new.fresh)
    s.check("the new one does", done.got_in, done)
    s.check("what was done is told", "device phone was removed, from" in done.transcript, done)


suite.main(__file__, [by_file, by_screen, pending, by_administrator, lost], prepare)
