#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-enroll as an ordinary user has it: on a terminal whose screen is looked at and
photographed, and as a program that reads and writes lines. The real set-uid helper answers,
oathtool is the phone, zbarimg its camera.
"""

import glob
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
import helper_client  # noqa: E402
from helper_client import PASSWORD, STORE, check, equal, run, uid_of  # noqa: E402
try:
    import host
    from terminal import Terminal, distant, zbarimg
except ImportError as missing:
    print(f"1..0 # SKIP needs {missing.name} (Debian: python3-pexpect, python3-pyte)")
    sys.exit(0)

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy",
         "kate", "leo", "mia", "nina", "olaf", "pete")
PROGRAM = "/usr/local/bin/totp-enroll"
HELPER = helper_client.HELPER
FOLDER = "/run/enroll"
NEXT = "Open a second terminal and test a login before you close this one."


def command(user, *words):
    uid = str(uid_of(user))
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", PROGRAM, *words)


def prepare():
    """pexpect needs pseudo-terminals in the /dev that helper_client makes."""
    os.mkdir("/dev/pts")
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620",
                    "devpts", "/dev/pts"], check=True)
    os.symlink("pts/ptmx", "/dev/ptmx")
    os.mkdir(FOLDER)
    os.chmod(FOLDER, 0o1777)


def batch(user, *words, text="", **more):
    """Without a terminal. (exit status, output, errors)"""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    done = subprocess.run(command(user, *words), input=text, capture_output=True, text=True,
                          env=env, check=False, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr


def key_on(terminal):
    """The key in groups of four on the screen."""
    found = re.findall(r"^(?:[A-Z2-7]{4} ?)+$", terminal.text(), re.MULTILINE)
    key = "".join(found).replace(" ", "")
    equal(len(key), 32, "length of the key")
    return key


def to_secret(user, *words, **more):
    """A wizard that shows the secret and waits for the first code."""
    t = Terminal(command(user, "add", "phone", *words), **more)
    t.wait("Password:")
    t.type(PASSWORD % user + "\r")
    t.wait("Code 1: ")
    return t


def phone_of(key):
    phone = host.Phone(f"otpauth://totp/x?secret={key}")
    phone.settle()
    return phone


def confirm(t, phone):
    phone.settle()
    now = time.time()
    t.type(phone.code_at(now) + "\r")
    t.wait("Code 2: ")
    t.type(phone.code_at(now + phone.period) + "\r")
    t.wait(NEXT)
    equal(t.finish(), 0, "exit status")


def devices(user):
    code, out, _ = batch(user, "list", "--json")
    equal(code, 0, "list")
    return {d["name"]: d for d in json.loads(out)["devices"]}


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
    t.wait("clear it")
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


def test_program():
    env = {"PATH": os.environ["PATH"]}
    words = command("heidi", "add", "phone", "--no-input", "--json", "--algorithm=sha256",
                    "--digits=8", "--period=60")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, bufsize=1, env=env) as p:
        p.stdin.write(PASSWORD % "heidi" + "\n")
        device = json.loads(p.stdout.readline())
        equal(sorted(device), sorted(("name", "secret", "uri", "issuer", "account", "algorithm",
                                      "digits", "period", "expires")))
        phone = host.Phone(device["uri"])
        equal((phone.secret, phone.algorithm, phone.digits, phone.period),
              (device["secret"], "sha256", 8, 60))
        phone.settle()
        now = time.time()
        p.stdin.write("00000000 00000001\n")
        refused = json.loads(p.stdout.readline())
        equal((refused["refused"], refused["left"], refused["off_s"]), ("wrong", 4, 0))
        check("SHA256" in refused["text"])
        p.stdin.write(f"{phone.code_at(now)} {phone.code_at(now + 60)}\n")
        end = json.loads(p.stdout.readline())
        equal(end["exit"], 0)
        equal(p.stdout.read(), "")
        equal(p.wait(), 0)
        errors = p.stderr.read()
    check("Microsoft Authenticator" in errors and "SHA256" in errors, errors)
    found = devices("heidi")["phone"]
    equal((found["algorithm"], found["digits"], found["period"]), ("SHA256", 8, 60))
    # The second device needs a code of the first, after the password.
    phone.settle()
    phone.wait_next()
    text = f"{PASSWORD % 'heidi'}\n00000000\n"
    code, out, _ = batch("heidi", "add", "tablet", "--no-input", "--json", text=text)
    equal((code, json.loads(out)["exit"]), (3, 3))
    check("secret" not in out)


def test_program_as_text():
    text = PASSWORD % "ivan" + "\n"
    code, out, err = batch("ivan", "add", "phone", "--no-input", "--uri", text=text)
    equal(code, 1, err)
    check("otpauth://totp/" in out and "\u2588" not in out and "\033" not in out, out)
    check("Password" not in out + err, "something was prompted")
    code, out, err = batch("ivan", "add", "phone", "--no-input", text=text + "123456\n")
    equal(code, 2, err)
    check("CODE1 CODE2" in err)
    code, out, err = batch("ivan", "add", "phone", "--no-input", text="")
    equal(code, 1, err)
    code, out, err = batch("ivan", "add", "phone", "--no-input", text="x" * 600 + "\n")
    equal(code, 2, err)
    equal(devices("ivan"), {})


def test_nobody_to_ask():
    for words in ((), ("add", "phone"), ("verify",)):
        code, out, err = batch("ivan", *words, text=PASSWORD % "ivan" + "\n")
        equal((code, out), (2, ""), words)
        check("--no-input" in err)


def test_output_in_a_file():
    path = f"{FOLDER}/out"
    line = " ".join(command("judy", "add", "phone")) + f" >{path}"
    t = Terminal(("sh", "-c", line))
    t.wait("Password:")
    t.type(PASSWORD % "judy" + "\r")
    t.wait("Code 1: ")
    key = key_on(t)
    confirm(t, phone_of(key))
    with open(path, encoding="utf-8") as file:
        check(key[:4] not in file.read(), "the secret is in the file")


def test_interrupted():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for stage in ("Password:", "Code 1: ", "Code 2: "):
            line = " ".join(command("kate", "add", "phone")) + "; echo ended; cat"
            t = Terminal(("sh", "-c", "trap : INT HUP TERM; " + line))
            before = t.modes()
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
    t.wait(NEXT)
    t.type("echo status=$?\r")
    t.wait("status=0")
    t.child.close(force=True)


def test_status_list_verify_cancel():
    code, out, err = batch("mia", "status")
    equal((code, err), (6, ""))
    check("No MFA device is assigned to mia." in out and "totp-enroll" in out)
    code, out, _ = batch("mia", "status", "--json")
    facts = json.loads(out)
    equal((code, facts["user"], facts["enrolled"], facts["active"], facts["uid"]),
          (6, "mia", False, 0, uid_of("mia")))
    code, out, _ = batch("mia", "list")
    equal((code, out), (0, "No MFA device is assigned to mia.\n"))
    equal(batch("mia", "verify", "--no-input", text="123456\n")[0], 6)
    code, out, err = batch("mia", "cancel")
    equal((code, out), (6, ""), err)
    t = to_secret("mia")
    equal(devices("mia")["phone"]["state"], "pending")
    check("waits for its two codes" in batch("mia", "status")[1])
    equal(batch("mia", "cancel")[0], 0)
    equal(devices("mia"), {})
    t.type("\003")
    t.finish()
    t = to_secret("mia")
    phone = phone_of(key_on(t))
    confirm(t, phone)
    equal(batch("mia", "status")[0], 0)
    check("virtual" in batch("mia", "list")[1])
    phone.wait_next()
    phone.wait_next()
    code, _, err = batch("mia", "verify", "--no-input", text="000000\n")
    equal(code, 3, err)
    right = phone.code()
    code, out, err = batch("mia", "verify", "--no-input", text=right + "\n")
    equal((code, err), (0, ""), out)
    code, _, err = batch("mia", "verify", "--no-input", text=right + "\n")
    equal(code, 3, err)
    check("already" in err, err)
    equal(batch("mia", "add", "PHONE", "--no-input", text="")[0], 4)


def test_usage():
    for words in (("frobnicate",), ("list", "x"), ("add", "a", "b"), ("--qr=huge",),
                  ("--digits=5",), ("--digits=06",), ("--period=9",), ("--algorithm=md5",),
                  ("list", "--qr=none"), ("--nonsense",), ("--qr-file",),
                  ("add", "--no-input", "--", "-x"), ("add", "--no-input", "a b"),
                  ("add", "--no-input")):
        code, out, err = batch("nina", *words)
        equal((code, out), (2, ""), words)
        check(err != "", words)
    code, out, err = batch("nina", "--help")
    equal((code, err), (0, ""))
    for verb in ("rename", "resync", "rotate", "disable", "delete", "recovery"):
        check(verb not in out, f"--help names {verb}")
    check(max(len(line) for line in out.split("\n")) < 80)
    code, out, err = batch("nina", "--version")
    check(code == 0 and out.startswith("totp-enroll (pam_totp) "), out)


def with_helper(text, mode):
    """Another helper in the place of the real one, as far as this sandbox reaches."""
    os.rename(HELPER, HELPER + ".kept")
    if text is not None:
        with open(HELPER, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(HELPER, mode)


def restore_helper():
    os.replace(HELPER + ".kept", HELPER)


def test_broken_installation():
    cases = ((None, 0, "No such file"), ("", 0o755, "not set-uid root"),
             ("#!/bin/sh\nexit 0\n", 0o4755, "without an answer"),
             ("#!/bin/sh\necho hello version=2 user=nina\ncat\n", 0o4755, "version"),
             ("#!/bin/sh\necho rubbish!\ncat\n", 0o4755, "not understood"),
             ("#!/bin/sh\necho hello version=1 user=nina\necho secret\ncat\n", 0o4755,
              "not expected"))
    for text, mode, wanted in cases:
        with_helper(text, mode)
        try:
            code, out, err = batch("nina", "status")
        finally:
            restore_helper()
        equal((code, out), (1, ""), wanted)
        check(wanted in err and HELPER in err, err)
    code, _, err = batch("nina", "status", preexec_fn=no_new_privileges)
    check(code == 1 and "no_new_privs" in err, err)


def no_new_privileges():
    import ctypes
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)


def test_hostile_texts():
    evil = "%1B%5B2J%1B%5D0;x%07%C2%9B31m%E2%80%AEq"
    with_helper(f"#!/bin/sh\necho hello version=1 user=nina{evil}\nread x\n"
                f"echo info text={evil}\necho prompt echo=0 kind=pam text={evil}:\nread x\n"
                f"echo done exit=99 text={evil}\n", 0o4755)
    try:
        t = Terminal(command("nina", "verify"), env={"TERM": "dumb"})
        t.wait("q: ")
        t.type("x\r")
        equal(t.finish(), 1)
    finally:
        restore_helper()
    for bad in (b"\033", b"\007", b"\xc2\x9b", "\u202e".encode()):
        check(bad not in t.raw, bad)


def test_helper_ends_meanwhile():
    with_helper("#!/bin/sh\necho hello version=1 user=nina\nread x\n"
                "echo prompt echo=1 kind=code text=Code:\nsleep 1\n"
                "echo done exit=9 text=too%20late\n", 0o4755)
    try:
        t = Terminal(command("nina", "verify"))
        t.wait("Code: ")
        equal(t.finish(), 9)
        check("too late" in t.text())
    finally:
        restore_helper()


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
    test_wizard, test_refusals, test_all_tries, test_wrong_password, test_small_window, test_long_issuer,
    test_no_colour, test_ascii, test_dumb_terminal, test_files, test_program,
    test_program_as_text, test_nobody_to_ask, test_output_in_a_file, test_interrupted,
    test_stopped_and_resumed, test_status_list_verify_cancel, test_usage,
    test_broken_installation, test_hostile_texts, test_helper_ends_meanwhile,
    test_sudo_is_questioned, test_nothing_is_kept,
)

if __name__ == "__main__":
    if not shutil.which("zbarimg"):
        print("1..0 # SKIP needs zbarimg (Debian: zbar-tools)")
        sys.exit(0)
    sys.exit(run(__file__, USERS, TESTS, prepare))
