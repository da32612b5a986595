#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-enroll as an ordinary user has it, on a terminal whose screen is looked at and
photographed. The real set-uid helper answers, oathtool is the phone, zbarimg its camera.
"""

import glob
import os
import re
import shutil
import signal
import stat
import subprocess
import time
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
import helper_client  # noqa: E402
from helper_client import STORE, PASSWORD, check, equal, run, uid_of  # noqa: E402
try:
    import host
    from enroll_client import (
        FOLDER, NEXT, PROGRAM, batch, command, confirm, devices, key_on, phone_of, prepare,
        to_secret)
    from terminal import Terminal, distant, zbarimg
except ImportError as missing:
    print(f"1..0 # SKIP needs {missing.name} (Debian: python3-pexpect, python3-pyte)")
    sys.exit(0)

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "kate", "leo", "olaf", "pete")


def test_wizard():
    t = Terminal(command("alice"))
    t.wait("Device name")
    t.type("my phone\r")
    t.wait("invalid device name")
    t.type("phone\r")
    t.wait("Password:")
    t.type(PASSWORD % "alice" + "\r")
    t.wait("Code 1: ")
    check("horse" not in t.text(), "the password is on the screen")
    check("This is the only time the secret is shown." in t.text())
    check("Scan this" in t.text(), "the line above the QR code has scrolled away")
    key = key_on(t)
    for is_dark in (True, False):
        uri = zbarimg(t.picture(f"{FOLDER}/screen.pgm", is_dark))
        name = os.uname().nodename
        equal(uri, f"otpauth://totp/{name}:alice?secret={key}&issuer={name}", "QR code")
    check(b"\033[?1049h" in t.raw.split(key[:4].encode())[0], "no alternate screen")
    phone = host.Phone(uri)
    phone.settle(8)
    now = time.time()
    t.type(phone.code_at(now) + "\r")
    t.wait("Next code in ")
    t.type("12")
    lines = set()
    for _ in range(30):
        t.read()
        lines.add(next(line for line in t.text().split("\n") if "Code 2" in line))
    check(len(lines) >= 3, "the countdown stands still", lines)
    check(all(re.fullmatch(r"Next code in \d+ s\. +Code 2: (12?)?", line) for line in lines), lines)
    equal(sum("Code 2" in line for line in t.text().split("\n")), 1, "lines of the countdown")
    t.type("\025" + phone.code_at(now + 30) + "\r")
    shown = t.save_recovery()
    check(key[:4] not in shown and "\u2588" not in shown, "the secret is beside the codes")
    t.wait(NEXT)
    equal(t.finish(), 0, "exit status")
    check("The MFA device is assigned" in t.text())
    check(key[:4] not in t.text() and "\u2588" not in t.text(), "the secret is still there")
    check(t.raw.rstrip().endswith(NEXT.encode()) and b"\033[?1049l" in t.raw)
    equal(devices("alice")["phone"]["state"], "active")


def test_refusals():
    t = to_secret("bob")
    phone = phone_of(key_on(t))
    t.type("12345\r")
    t.wait("A code of this device is 6 digits.")
    now = time.time()
    code = phone.code_at(now)
    t.type(code + "\r")
    t.wait("Code 2: ")
    t.type(code + "\r")
    t.wait("You entered the same code twice.")
    check(zbarimg(t.picture(f"{FOLDER}/screen.pgm")).startswith("otpauth://"),
          "no QR code beside the refusal")
    t.type(phone.code_at(now + 30) + "\r")
    t.wait("Code 2: ")
    t.type(phone.code_at(now) + "\r")
    t.wait("wrong order")
    confirm(t, phone)


def test_all_tries():
    t = to_secret("carol")
    for _ in range(5):
        t.wait("Code 1: ")
        t.type("000000\r")
        t.wait("Code 2: ")
        t.type("000001\r")
        time.sleep(0.3)
        t.read()
    equal(t.finish(), 3, "exit status")
    check("too many wrong codes" in t.text(), t.text())
    check("\u2588" not in t.text(), "the secret is still there")
    equal(devices("carol"), {})


def test_wrong_password():
    t = Terminal(command("dave", "add", "phone"))
    t.wait("Password:")
    t.type("wrong\r")
    equal(t.finish(), 10, "exit status")
    equal(batch("dave", "status")[0], 6)


def test_small_window():
    t = to_secret("dave", rows=20, columns=40)
    check(key_on(t) in zbarimg(t.picture(f"{FOLDER}/screen.pgm")), "40 columns, 20 lines")
    t.type("\003")
    t.finish()
    t = to_secret("dave", rows=18, columns=40)
    check("too small for the QR" in t.text() and "\u2588" not in t.text(), t.text())
    check(all(len(line) <= 40 for line in t.text().split("\n")))
    key = key_on(t)
    t.resize(30, 90)
    t.wait("\u2588")
    check(key in zbarimg(t.picture(f"{FOLDER}/screen.pgm")), "QR code after the window grew")
    confirm(t, phone_of(key))


def test_long_issuer():
    """The host names of a cloud make the largest QR code that a usual window must hold."""
    with open(helper_client.CONF, "w", encoding="ascii") as file:
        file.write("issuer = ip-10-0-1-23.eu-west-1.compute.i\n")
    try:
        t = to_secret("pete")
        key = key_on(t)
        uri = zbarimg(t.picture(f"{FOLDER}/screen.pgm"))
        check(key in uri and "ip-10-0-1-23.eu" in uri, t.text())
        confirm(t, phone_of(key))
    finally:
        os.unlink(helper_client.CONF)


def test_no_colour():
    t = to_secret("erin", env={"NO_COLOR": "1"})
    check(b"\033[30" not in t.raw)
    key = key_on(t)
    check(key in zbarimg(t.picture(f"{FOLDER}/screen.pgm", True)), "on a dark terminal")
    light = t.picture(f"{FOLDER}/screen.pgm", False)
    check(key in zbarimg(light, True), "on a light terminal")
    t.type("\003")
    equal(t.finish(), -signal.SIGINT)


def test_ascii():
    t = to_secret("erin", rows=50, columns=100, env={"LANG": "C"})
    check(t.raw.isascii(), "not ASCII")
    key = key_on(t)
    for is_dark in (True, False):
        check(key in zbarimg(t.picture(f"{FOLDER}/screen.pgm", is_dark)), is_dark)
    t.type("\004")
    equal(t.finish(), 1)
    t = to_secret("erin", "--qr=ascii", rows=50, columns=100, env={"NO_COLOR": "1"})
    key = key_on(t)
    check("####" in t.text())
    check(key in zbarimg(distant(t.picture(f"{FOLDER}/screen.pgm", True))), "drawn with #")
    t.type("\004")
    equal(t.finish(), 1)
    t = to_secret("erin", env={"LANG": "C"})
    check("too small for the QR" in t.text(), t.text())
    t.type("\004")
    equal(t.finish(), 1)


def test_dumb_terminal():
    t = to_secret("frank", env={"TERM": "dumb"})
    check(b"\033" not in t.raw, "control sequences on a dumb terminal")
    key = key_on(t)
    check(key in zbarimg(t.picture(f"{FOLDER}/screen.pgm", True)))
    phone = phone_of(key)
    phone.settle()
    t.type(phone.code() + "\r")
    t.wait("Wait for the next code.")
    t.wait("Code 2: ")
    t.type(phone.code(1) + "\r")
    t.save_recovery()
    t.wait("The secret is still on this screen: clear it")
    equal(t.finish(), 0)
    check(b"\033" not in t.raw)


def test_files():
    for name in ("qr.png", "qr.svg"):
        path = f"{FOLDER}/{name}"
        t = to_secret("grace", "--qr-file", path)
        key = key_on(t)
        status = os.lstat(path)
        equal(stat.S_IMODE(status.st_mode), 0o600, "mode")
        equal(status.st_uid, uid_of("grace"), "owner")
        check(key in zbarimg(path), f"{name} is not read")
        t.type("\003")
        equal(t.finish(), -signal.SIGINT)
        check(not os.path.lexists(path), "the file was left behind")
    path = f"{FOLDER}/there.png"
    os.symlink("/etc/nothing", path)
    equal(batch("grace", "add", "phone", "--no-input", "--qr-file", path)[0], 4)
    equal(os.readlink(path), "/etc/nothing")
    equal(batch("grace", "add", "phone", "--no-input", "--qr-file", FOLDER + "/x.jpg")[0], 2)
    equal(batch("grace", "add", "phone", "--no-input", "--qr-file", "/none/x.png")[0], 1)
    path = f"{FOLDER}/kept.png"
    t = to_secret("grace", "--qr-file", path)
    confirm(t, phone_of(key_on(t)))
    check("delete it" in t.text() and os.path.exists(path))


def test_interrupted():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for stage in ("Password:", "Code 1: ", "Code 2: "):
            line = " ".join(command("kate", "add", "phone")) + "; echo ended; cat"
            t = Terminal(("sh", "-c", "trap : INT HUP TERM; read x; " + line))
            before = t.modes()
            t.type("\r")
            t.wait("Password:")
            if stage != "Password:":
                t.type(PASSWORD % "kate" + "\r")
                t.wait("Code 1: ")
            if stage == "Code 2: ":
                t.type("123456\r")
            t.wait(stage)
            if number == signal.SIGINT:
                t.type("\003")
            else:
                subprocess.run(["pkill", f"-{number.value}", "-P", str(t.child.pid), "-x",
                                "totp-enroll"], check=True)
            t.wait("ended")
            equal(t.modes(), before, f"modes after {number.name} at {stage}")
            check("\u2588" not in t.text(), "the secret is still there")
            t.child.close(force=True)
    for _ in range(50):
        if not devices("kate"):
            break
        time.sleep(0.1)
    equal(devices("kate"), {})
    t = to_secret("kate")
    confirm(t, phone_of(key_on(t)))


def test_stopped_and_resumed():
    t = Terminal(("bash", "--norc", "-i"), env={"PS1": "% "})
    t.wait("% ")
    t.type(" ".join(command("leo", "add", "phone")) + "\r")
    t.wait("Password:")
    t.type(PASSWORD % "leo" + "\r")
    t.wait("Code 1: ")
    key = key_on(t)
    t.type("\032")
    t.wait("Stopped")
    check("\u2588" not in t.text() and key[:4] not in t.text(), "the secret is still there")
    t.type("fg\r")
    t.wait("Code 1: ")
    equal(key_on(t), key)
    confirm_in_shell(t, phone_of(key))


def confirm_in_shell(t, phone):
    now = time.time()
    t.type(phone.code_at(now) + "\r")
    t.wait("Code 2: ")
    t.type(phone.code_at(now + 30) + "\r")
    t.save_recovery()
    t.wait(NEXT)
    t.type("echo status=$?\r")
    t.wait("status=0")
    t.child.close(force=True)


def test_sudo_is_questioned():
    t = Terminal((PROGRAM, "add", "phone"), env={"SUDO_USER": "alice"})
    t.wait("to root, not to alice")
    t.type("n\r")
    equal(t.finish(), 1)


def test_nothing_is_kept():
    t = to_secret("olaf")
    key = key_on(t)
    pid = subprocess.run(["pgrep", "-x", "totp-enroll"], capture_output=True, text=True,
                         check=True).stdout.split()[0]
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        check(key.encode() not in file.read() and b"horse" not in file.read())
    equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, "owner of its memory, as of a non-dumpable one")
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        check(re.search(r"core file size +0 +0 ", file.read()), "core dumps are on")
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        check(STORE not in os.readlink(fd))
    confirm(t, phone_of(key))


TESTS = (
    test_wizard, test_refusals, test_all_tries, test_wrong_password, test_small_window,
    test_long_issuer, test_no_colour, test_ascii, test_dumb_terminal, test_files,
    test_interrupted, test_stopped_and_resumed, test_sudo_is_questioned, test_nothing_is_kept,
)

if __name__ == "__main__":
    if not shutil.which("zbarimg"):
        print("1..0 # SKIP needs zbarimg (Debian: zbar-tools)")
        sys.exit(0)
    sys.exit(run(__file__, USERS, TESTS, prepare))
