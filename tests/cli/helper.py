#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""The real set-uid totp-helper, talked to over pipes by ordinary users: the proofs that stand
before a secret, the verdicts on two codes, what is counted, consumed, kept and logged.
Obligations 3 to 5 and 7 to 9 of totp-helper.c, and helper_change.c.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
# pylint: disable=wrong-import-position
from helper_client import (  # noqa: E402
    CONF, Helper, LOG, Phone, SERVICE, STORE, active, as_user, check, devices, enrol, equal,
    replace_record, run, status, stored, uid_of)

USERS = (
    "alice", "carol", "dave", "second", "verdicts", "killer", "beside", "expired", "frank",
    "grace", "race", "heidi", "ivan", "judy", "karl")


def test_wrong_passwords():
    """Five at once: each is counted, on disk, and the sixth is not even asked."""
    runs = [Helper("carol").add("phone") for _ in range(5)]
    for h in runs:
        h.password("wrong")
    ends = [h.end() for h in runs]
    check(set(ends) <= {"9", "10"}, "ended with", ends)
    check("state" in stored("carol"), "counted on disk")
    check("secrets" not in stored("carol"), "a failure makes no record")
    text = Helper("carol").add("phone").done(9)
    check("in " in text, text)
    check(0 < int(status("carol")["wait"]) <= 30)
    # Nobody else waits.
    equal(status("dave")["wait"], "0")
    LOG.find("reason=password", "user=carol", "result=refused")
    LOG.find("reason=throttled", "user=carol")


def test_first_device():
    equal(status("alice")["enrolled"], "0")
    check(not os.path.exists(f"{STORE}/secrets/alice"), "reading has created something")
    h = Helper("alice").add("phone")
    h.password()
    phone = h.secret()
    equal({k: phone.message[k] for k in ("name", "account", "algorithm", "digits", "period")},
          {"name": "phone", "account": "alice", "algorithm": "SHA1", "digits": "6",
           "period": "30"})
    equal(phone.message["issuer"], socket.gethostname()[:32], "issuer")
    equal(len(phone.key), 32, "secret")
    check(abs(int(phone.message["expires"]) - time.time() - 600) < 60, "expires")
    now = status("alice")
    equal((now["enrolled"], now["pending"], now["active"]), ("0", "1", "0"), "pending")
    h.codes(phone.fresh())
    h.done(0)
    now = status("alice")
    equal((now["enrolled"], now["pending"], now["active"]), ("1", "0", "1"), "active")
    listed = devices("alice")
    equal(len(listed), 1)
    equal((listed[0]["name"], listed[0]["type"], listed[0]["expires"]), ("phone", "virtual", "0"))
    check("base32" not in listed[0] and "secret" not in listed[0])
    for part in ("secrets", "state"):
        info = os.stat(f"{STORE}/{part}/alice")
        equal((info.st_uid, info.st_gid, info.st_mode & 0o7777), (0, 0, 0o600), part)
    LOG.find("event=enrol", "result=ok", "reason=confirmed", "user=alice", "device=phone",
             "actor=3001")
    # Both codes are consumed.
    for offset in (-1, 0):
        h = Helper("alice")
        h.send("request", op="verify")
        h.code(phone.code(offset))
        check("already used" in h.done(3))
    return phone


def test_names():
    for name, code in (("PHONE", 4), ("phone", 4), ("..", 2), ("a b", 2), ("x" * 65, 2)):
        Helper("alice").add(name).done(code)  # told before a password is asked for


def test_limit():
    with open(CONF, "w", encoding="ascii") as file:
        file.write("[service totp-enroll]\nmax_devices = 1\n")
    try:
        equal(status("alice")["max-devices"], "1")
        Helper("alice").add("another").done(5)
    finally:
        os.unlink(CONF)


def test_verdicts():
    h = Helper("verdicts").add("phone")
    h.password()
    phone = h.secret()
    first = phone.code(0)
    for pair, verdict, off in (((first, first), "same-code", 0), ((0, -1), "swapped", 0),
                               ((-1, 1), "gap", 0), ((-7, -6), "stale", 180),
                               ((5, 6), "fast", 180)):
        h.codes(pair if isinstance(pair[0], str) else phone.pair(*pair))
        got = h.expect("refused")
        equal(got["verdict"], verdict)
        check(abs(int(got["off"]) - off) <= 30 and (off > 0) == (got["off"] != "0"), got)
        check(got["text"].endswith("."), got)
        if got["left"] != "0":
            equal(h.expect("ask-codes"), {"left": got["left"]})
    equal(got["left"], "0")
    h.done(3)
    equal(devices("verdicts"), [], "the pending device is taken out")

    h = Helper("verdicts").add("phone", digits=8, algorithm="SHA256", period=60)
    h.password()
    phone = h.secret()
    wrong = "00000000" if phone.code(0) != "00000000" else "11111111"
    for pair, verdict in ((("123456", "1234567"), "digits"), (("", "x"), "digits"),
                          ((phone.code(-1), wrong), "second-wrong"),
                          ((wrong, "22222222"), "wrong")):
        h.codes(pair)
        got = h.expect("refused")
        equal(got["verdict"], verdict)
        h.expect("ask-codes")
    check("SHA256" in got["text"], "apps that ignore it are named")
    # As people type: with blanks.
    a, b = phone.fresh()
    h.codes((f"{a[:4]} {a[4:]}", f" {b[:4]}-{b[4:]} "))
    h.done(0)
    equal(active("verdicts"), ["phone"])


def test_second_device_needs_the_first():
    """DESIGN promise 10; AWS-2023-001."""
    phone = enrol("second", period=15)
    used = phone.code(0)

    def attempt(answer, code):
        h = Helper("second").add("tablet")
        h.password()
        if answer is None:
            h.expect("prompt")
            h.send("abort")
        else:
            h.code(answer)
        return h.done(code)

    attempt(None, 1)
    attempt("", 3)
    attempt("000000" if phone.code(1) != "000000" else "111111", 3)
    check("already used" in attempt(used, 3))
    equal(active("second"), ["phone"])
    equal(status("second")["pending"], "0")
    LOG.find("event=proof", "result=refused", "reason=reused", "user=second")
    # Whatever the PAM file says.
    try:
        with open(SERVICE, "w", encoding="ascii") as file:
            file.write("auth required pam_permit.so\naccount required pam_permit.so\n")
        h = Helper("second").add("tablet")
        h.code(used)
        h.done(3)
    finally:
        shutil.copy(SERVICE + ".kept", SERVICE)
    proof = phone.code(1)
    h = Helper("second").add("tablet")
    h.password()
    h.code(proof)
    tablet = h.secret()
    check(tablet.key != phone.key)
    h.codes(tablet.fresh())
    h.done(0)
    equal(sorted(active("second")), ["phone", "tablet"])
    # The proof is consumed as well.
    h = Helper("second").add("third")
    h.password()
    h.code(proof)
    h.done(3)


def test_counted_before_told():
    """A wrong password is on disk before even the time tells it, and its typist cannot kill
    the helper while it holds the answer back."""
    h = Helper("killer").add("phone")
    h.password("wrong")
    end = time.monotonic() + 20
    while "state" not in stored("killer"):
        check(time.monotonic() < end, "not counted")
        check(not select.select([h.process.stdout], [], [], 0.01)[0], "told before counted")
    killed = as_user(uid_of("killer"), "kill", "-KILL", str(h.process.pid))
    check(killed.returncode != 0, "killed in the delay")
    h.done(10)
    LOG.find("reason=password", "user=killer", "result=refused")


def test_password_beside_guesses():
    """Guesses side by side: who passes after the tries are used up waits as well, and is
    answered like a wrong one."""
    right = Helper("beside").add("phone")
    wrong = [Helper("beside").add("phone") for _ in range(5)]
    for h in wrong:
        h.password("wrong")
    # Those that end before all five are counted are told of the password.
    ends = [h.end() for h in wrong]
    check(set(ends) <= {"9", "10"} and "9" in ends, "the wrong ones ended with", ends)
    right.password()
    right.done(9)


def test_expired_password():
    subprocess.run(["chage", "-d", "0", "expired"], check=True)
    h = Helper("expired").add("phone")
    h.password()
    verb, pairs = h.receive()
    while verb in ("info", "error"):
        verb, pairs = h.receive()
    equal((verb, pairs["exit"]), ("done", "10"), pairs)
    check("passwd" in pairs["text"], pairs)
    equal(h.ended(), 10)


def test_two_first_enrolments():
    one = Helper("dave").add("one")
    two = Helper("dave").add("two")
    three = Helper("dave").add("three")
    one.password()
    phone1 = one.secret()
    two.password()
    phone2 = two.secret()  # takes the place of the first
    one.codes(phone1.fresh())
    one.done(8)
    equal(status("dave")["active"], "0")
    two.codes(phone2.fresh())
    two.done(0)
    # The third had asked when there was no device: it must show a code of two now.
    three.password()
    three.code(phone1.code(1))
    three.done(3)
    equal(active("dave"), ["two"])


def test_active_meanwhile():
    """Two password-only runs: when one device has become active the other one may not."""
    one = Helper("frank").add("one")
    one.password()
    phone = one.secret()
    two = Helper("frank").add("two")
    two.password()
    two.codes(two.secret().fresh())
    two.done(0)
    before = stored("frank")
    one.codes(phone.fresh())
    text = one.done(10)
    check("changed meanwhile" in text, text)
    equal(stored("frank"), before)
    LOG.find("event=enrol", "result=refused", "reason=active-meanwhile", "user=frank")


def test_proof_gone_meanwhile():
    """Who proved a phone that is disabled before his codes come (it was stolen) gets nothing."""
    phone = enrol("grace", period=15)
    other = enrol("grace", "other", phone.code(1))
    time.sleep(16 - time.time() % 15)
    h = Helper("grace").add("third")
    h.password()
    h.code(phone.code(1))
    third = h.secret()
    text = stored("grace")["secrets"].decode("ascii")
    replace_record("grace", text.replace("state active", "state disabled", 1))
    equal(active("grace"), ["other"])
    h.codes(third.fresh())
    h.done(10)
    equal(active("grace"), ["other"])
    # The device that is left is a proof.
    h = Helper("grace").add("third")
    h.password()
    h.code(other.code(1))
    h.secret()
    h.send("abort")
    h.done(1)


def test_race_of_first_enrolments():
    """Eight at once from the first byte to the last: one device, and every loser is told."""
    results = []

    def run(number):
        h = Helper("race").add(f"phone{number}")
        h.password()
        verb, pairs = h.receive()
        if verb == "secret":
            phone = Phone(pairs)
            verb, pairs = h.receive()
            h.codes(phone.fresh())
            verb, pairs = h.receive()
            if verb == "recovery":
                verb, pairs = h.receive()
        elif verb == "prompt":
            h.send("abort")
            verb, pairs = h.receive()
        equal(verb, "done", f"race: {pairs}")
        results.append(pairs.get("exit"))
        h.ended()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(len(results), 8, results)
    equal(results.count("0"), 1, results)
    check(set(results) <= {"0", "1", "8", "10"}, results)
    equal(len(active("race")), 1)


def test_killed_between_secret_and_codes():
    phone = enrol("heidi", period=15)
    before = devices("heidi")
    proof = phone.code(1)
    h = Helper("heidi").add("tablet")
    h.password()
    h.code(proof)
    h.secret()
    h.process.send_signal(signal.SIGKILL)
    equal(h.ended(), -9)
    listed = devices("heidi")
    equal([d["name"] for d in listed if d["state"] == "pending"], ["tablet"])
    kept = [d for d in listed if d["state"] == "active"]
    equal([d["name"] for d in kept], [before[0]["name"]])
    # The login goes on as before: the next code of the phone counts.
    time.sleep(31 - time.time() % 15)
    h = Helper("heidi").add("tablet")
    h.password()
    h.code(phone.code(1))
    tablet = h.secret()
    h.codes(tablet.fresh())
    h.done(0)
    equal(sorted(active("heidi")), ["phone", "tablet"])


def test_cancel():
    def cancel(code):
        h = Helper("ivan")
        h.send("request", op="cancel")
        h.done(code)

    cancel(6)
    h = Helper("ivan").add("phone")
    h.password()
    phone = h.secret()
    cancel(0)
    equal(status("ivan")["pending"], "0")
    h.codes(phone.fresh())
    h.done(8)
    cancel(6)
    # Giving up takes the pending device out, by word or by closing the pipe.
    for by_word in (True, False):
        h = Helper("ivan").add("phone")
        h.password()
        h.secret()
        equal(status("ivan")["pending"], "1")
        if by_word:
            h.send("abort")
        else:
            h.process.stdin.close()
        h.done(1)
        equal(status("ivan")["pending"], "0")


def test_verify():
    Helper("ivan").send("request", op="status")
    h = Helper("ivan")
    h.send("request", op="verify")
    h.done(6)
    phone = enrol("judy")
    h = Helper("judy")
    h.send("request", op="verify")
    code = phone.code(1)
    h.code(code)
    h.done(0)
    LOG.find("event=verify", "result=ok", "user=judy", "device=phone")
    h = Helper("judy")
    h.send("request", op="verify")
    h.code(code)
    h.done(3)
    # That was the first failure; four more, then the wait.
    for _ in range(4):
        h = Helper("judy")
        h.send("request", op="verify")
        h.code("000000" if phone.code(1) != "000000" else "111111")
        h.done(3)
    h = Helper("judy")
    h.send("request", op="verify")
    h.code("123456")
    h.done(9)
    Helper("judy").add("tablet").done(9)


def test_another_account_of_this_name():
    enrol("karl")
    before = stored("karl")
    subprocess.run(["usermod", "-u", "3777", "karl"], check=True, capture_output=True)
    for op in ("list", "status", "verify", "cancel"):
        h = Helper("karl")
        h.send("request", op=op)
        text = h.done(10)
        check("different account" in text and "3777" in text, text)
    check("different account" in Helper("karl").add("x").done(10))
    for op in ("rename", "disable", "delete", "remove", "rotate", "resync", "enable"):
        h = Helper("karl")
        h.send("request", op=op, name="phone", **({"new_name": "x"} if op == "rename" else {}))
        check("different account" in h.done(10), op)
    h = Helper("karl")
    h.send("request", op="recovery-codes")
    check("different account" in h.done(10))
    equal(stored("karl"), before)


def test_broken_settings():
    with open(CONF, "w", encoding="ascii") as file:
        file.write("fail_open = yes\n")
    try:
        h = Helper("alice").add("x")
        check("log" in h.done(1))
        LOG.find("event=error", "fail_open")
    finally:
        os.unlink(CONF)


def test_unsafe_store():
    before = stored("alice")
    os.chmod(STORE, 0o777)
    try:
        for op in ("list", "status", "verify", "cancel"):
            h = Helper("alice")
            h.send("request", op=op)
            h.done(1)
        Helper("alice").add("x").done(1)
    finally:
        os.chmod(STORE, 0o700)
    equal(stored("alice"), before)


def test_corrupt_record():
    before = stored("alice")["secrets"]
    replace_record("alice", before.decode("ascii") + "junk\n")
    try:
        Helper("alice").add("x").done(1)
        h = Helper("alice")
        h.send("request", op="list")
        h.done(1)
    finally:
        replace_record("alice", before.decode("ascii"))
    equal(active("alice"), ["phone"])


def test_log_holds_no_secret():
    check(len(LOG.lines) > 20 and len(Phone.seen) > 20)
    for line in LOG.lines:
        check("horse" not in line, "a password was logged")
        check("\n" not in line.rstrip("\n\0"), "two lines in one")
        for secret in Phone.seen:
            check(secret not in line.split("]", 1)[-1].replace("[", " ").split(), secret)
            check(len(secret) < 16 or secret not in line, "a secret was logged")


TESTS = (
    test_wrong_passwords, test_first_device, test_names, test_limit, test_verdicts,
    test_second_device_needs_the_first, test_counted_before_told, test_password_beside_guesses,
    test_expired_password, test_two_first_enrolments, test_active_meanwhile,
    test_proof_gone_meanwhile, test_race_of_first_enrolments,
    test_killed_between_secret_and_codes, test_cancel, test_verify,
    test_another_account_of_this_name, test_broken_settings, test_unsafe_store,
    test_corrupt_record, test_log_holds_no_secret,
)

if __name__ == "__main__":
    sys.exit(run(__file__, USERS, TESTS))
