#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""totp-enroll as programs have it: lines in, JSON out, exit codes; and in an installation that
is broken or whose helper is hostile.
"""

import ctypes
import json
import os
import subprocess
import time
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import HELPER, PASSWORD, check, equal, run, uid_of  # noqa: E402
try:
    import host
    from enroll_client import (
        FOLDER, batch, command, confirm, devices, key_on, phone_of, prepare, to_secret)
    from terminal import Terminal
except ImportError as missing:
    print(f"1..0 # SKIP needs {missing.name} (Debian: python3-pexpect, python3-pyte)")
    sys.exit(0)

USERS = ("heidi", "ivan", "judy", "mia", "nina")


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
        codes = json.loads(p.stdout.readline())
        equal((list(codes), len(set(codes["recovery_codes"]))), (["recovery_codes"], 10))
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
                  ("add", "--no-input"), ("rename", "a"), ("rename", "a", "b", "c"),
                  ("rename", "a", ".."), ("remove",), ("delete", "a", "b"), ("resync", ".."),
                  ("recovery-codes", "x"), ("rotate", "a", "--digits=8"), ("rotate",),
                  ("disable", "a", "--qr=none"), ("rotate", "a", "--recovery-file=x")):
        code, out, err = batch("nina", *words)
        equal((code, out), (2, ""), words)
        check(err != "", words)
    code, out, err = batch("nina", "--help")
    equal((code, err), (0, ""))
    for verb in ("rename", "resync", "rotate", "disable", "enable", "delete", "remove",
                 "recovery-codes"):
        check(f"  {verb} " in out, f"--help does not tell {verb}")
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


TESTS = (
    test_program, test_program_as_text, test_nobody_to_ask, test_output_in_a_file,
    test_status_list_verify_cancel, test_usage, test_broken_installation, test_hostile_texts,
    test_helper_ends_meanwhile,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS, prepare))
