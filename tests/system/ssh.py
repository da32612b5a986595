#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Logins over a real sshd by a real ssh client: every verdict on a code, who is asked
what, throttle and lock, broken settings, the log lines.

The PAM services are examples/pam.d/sshd-totp with the module's full path, the daemons have
examples/sshd_config.d/*, each under a service name of its own. Devices are added by
totp-admin, as if an hour ago. Sources are addresses of 127.0.0.0/8.
"""

import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

SETTINGS = """\
[service sshd-skip]
unenrolled = skip
[service sshd-lock]
throttle_after = 1000
lock_after = 3
[service sshd-wait]
throttle_delay = 15
"""
SSHD = {}


def prepare():
    with open(host.SETTINGS, "w", encoding="ascii") as file:
        file.write(SETTINGS)
    with open("/etc/security/broken.conf", "w", encoding="ascii") as file:
        file.write("fail_open = yes\n")
    for service in ("sshd-totp", "sshd-skip", "sshd-lock", "sshd-wait"):
        host.install_service("sshd-totp", service)
    host.install_service("sshd-totp", "sshd-broken", arguments="conf=/etc/security/broken.conf")
    # The other order of things that the example's comments name.
    host.install_service("sshd-totp", "sshd-both", instead={
        "@include common-auth": "auth  required  pam_unix.so"})
    for service in ("sshd-totp", "sshd-skip", "sshd-lock", "sshd-wait", "sshd-broken",
                    "sshd-both"):
        SSHD[service] = host.Sshd(service, "50-totp-password.conf").start()
    # An administrator who left sshd's own method on.
    host.install_service("sshd-totp", "sshd-method")
    SSHD["sshd-method"] = host.Sshd("sshd-method", "50-totp-password.conf", extra=(
        "PasswordAuthentication yes", "AuthenticationMethods any")).start()
    host.install_service("sshd-totp", "sshd-key", drop=("@include common-auth",))
    SSHD["sshd-key"] = host.Sshd("sshd-key", "50-totp-publickey.conf").start()
    return list(SSHD.values())


def ssh(user, password, code, source="127.0.0.1", service="sshd-totp", options=()):
    """One login; password and code: a text, a function of one, or None: no answer."""
    answers = {PASSWORD: [] if password is None else [password],
               CODE: [] if code is None else [code]}
    return login(SSHD[service].client(user, ("-b", source, *options)), answers)


def line(event, reason, user, device="-", fails=0, wait="0", rhost="127.0.0.1",
         service="sshd-totp", more=""):
    """The module's log line, as a pattern."""
    return re.escape(f"event={event} reason={reason} user={user} service={service} "
                     f"rhost={rhost} tty=ssh device={device} fails={fails} wait=") + wait + more


def logged(user, service="sshd-totp"):
    return len(suite.LOG.module(service, f"user={user}"))


def last(before, user, service="sshd-totp"):
    return suite.LOG.since(before, service, f"user={user}")


def verdicts(s):
    password = host.add_user("vera")
    phone = host.add_device("vera")
    before = logged("vera")

    done = ssh("vera", "not the password", None)
    s.check("a wrong password is denied", not done.got_in, done)
    s.equal("after a wrong password no code is asked for", done.prompts, [PASSWORD])
    s.equal("a wrong password is none of the module's business", last(before, "vera"), "")

    done = ssh("vera", password, phone.wrong())
    s.check("right password, wrong code: denied", not done.got_in, done)
    s.equal("password, then code are asked for", done.prompts, [PASSWORD, CODE])
    s.check("the user is told that the code is wrong",
            "This code is not right." in done.transcript, done)
    s.matches("log line of a wrong code", last(before, "vera"),
              line("deny", "wrong", "vera", fails=1))

    before = logged("vera")
    done = ssh("vera", password, lambda: phone.fresh(-2, 12))
    s.check("a stale code (two steps old) is denied", not done.got_in, done)
    s.check("the user is told how old it is", "This code is 60 s old." in done.transcript, done)
    s.matches("log line of a stale code", last(before, "vera"),
              line("deny", "wrong", "vera", device="phone", fails=2, more=" behind=60"))

    before = logged("vera")
    done = ssh("vera", password, lambda: phone.fresh(2, 12))
    s.check("a code of the future (two steps ahead) is denied", not done.got_in, done)
    s.matches("log line of a future code", last(before, "vera"),
              line("deny", "wrong", "vera", fails=3))

    before = logged("vera")
    done = ssh("vera", password, lambda: phone.fresh(-1, 12))
    s.check("the previous step's code is accepted when it is newer than the last", done.got_in,
            done)
    s.matches("log line of an accepted code", last(before, "vera"),
              line("accept", "code", "vera", device="phone"))

    used = []

    def use():
        used.append(phone.fresh(0, 10))
        return used[-1]
    done = ssh("vera", password, use)
    s.check("the present code is accepted", done.got_in, done)
    before = logged("vera")
    done = ssh("vera", password, used[0])
    s.check("the same code again is denied", not done.got_in, done)
    s.matches("the user is told so, and when the next one comes", done.transcript,
              r"(?s).*This code was already used\. Wait for the next code \(about \d+ s\)\..*")
    s.matches("log line of a reused code", last(before, "vera"),
              line("deny", "reused", "vera", device="phone", fails=1, wait=r"\d+"))
    done = ssh("vera", password, lambda: phone.code(-1))
    s.check("an unused code that is older than the last one is denied", not done.got_in, done)


def two_sessions(s):
    password = host.add_user("tom")
    phone = host.add_device("tom")
    before = logged("tom")
    both = threading.Barrier(2)
    code = []

    def type_together():
        if both.wait(60) == 0:
            code.append(phone.fresh(0, 10))
        both.wait(60)
        return code[0]
    done = []
    sessions = [threading.Thread(target=lambda: done.append(ssh("tom", password, type_together)))
                for _ in range(2)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    s.equal("one code typed in two sessions at once lets exactly one in",
            sum(one.got_in for one in done), 1, *done)
    lines = last(before, "tom").split("\n")
    s.equal("of these one is logged as accepted and one as reused",
            sorted(text.split(" ")[1] for text in lines), ["reason=code", "reason=reused"], lines)


def strangers(s):
    password = host.add_user("kim")
    host.add_device("kim")
    unknown = ssh("nobody-here", "whatever", None, "127.0.0.21")
    known = ssh("kim", "whatever", None, "127.0.0.21")
    s.check("an unknown user is denied", not unknown.got_in, unknown)
    s.equal("an unknown user meets the prompts of a known one with a wrong password",
            unknown.transcript.replace("nobody-here", "USER"),
            known.transcript.replace("kim", "USER"))
    s.equal("before the first factor the module is not reached",
            suite.LOG.module("sshd-totp", "rhost=127.0.0.21"), [])

    # Where the password is "required", all three meet the code's prompt as well.
    guess = "271828"
    unknown = ssh("nobody-here", "whatever", guess, "127.0.0.22", "sshd-both")
    wrong = ssh("kim", "whatever", guess, "127.0.0.22", "sshd-both")
    right = ssh("kim", password, guess, "127.0.0.22", "sshd-both")
    for done in unknown, wrong, right:
        s.equal("required: password and code are asked for, whoever it is", done.prompts,
                [PASSWORD, CODE], done)
    s.equal("required: an unknown user sees what a known one sees",
            unknown.transcript.replace("nobody-here", "USER"),
            wrong.transcript.replace("kim", "USER"))
    s.equal("required: nor does a right password show",
            right.transcript, wrong.transcript)
    # sshd gives the module junk in the place of what was typed; as long as a code it counts.
    s.matches("an unknown name is not logged (people type passwords there)",
              suite.LOG.module("sshd-both", "user=-")[0],
              line("deny", "unenrolled", "-", rhost="127.0.0.22", service="sshd-both", fails=1))
    s.check("the name that was tried is in no line of the module", not any(
        "nobody-here" in text for text in suite.LOG.module("sshd-both")))


def unenrolled(s):
    password = host.add_user("una")
    before = logged("una")
    done = ssh("una", password, "314159")
    s.check("unenrolled = deny: denied", not done.got_in, done)
    s.equal("unenrolled = deny: asked for a code like everybody", done.prompts, [PASSWORD, CODE])
    s.matches("unenrolled = deny: log line", last(before, "una"),
              line("deny", "unenrolled", "una", fails=1))
    done = ssh("una", password, None, service="sshd-skip")
    s.check("unenrolled = skip: let in", done.got_in, done)
    s.equal("unenrolled = skip: not asked for a code", done.prompts, [PASSWORD])
    s.matches("unenrolled = skip: log line", last(0, "una", "sshd-skip"),
              line("skip", "unenrolled", "una", service="sshd-skip"))

    phone = host.add_device("una")
    done = ssh("una", password, phone.wrong(), service="sshd-skip")
    s.check("unenrolled = skip: a user with a device needs the code", not done.got_in, done)
    done = ssh("una", password, phone.fresh, service="sshd-skip")
    s.check("unenrolled = skip: and gets in with it", done.got_in, done)


def throttle(s):
    password = host.add_user("thea")
    phone = host.add_device("thea", period=15)
    for number in range(1, 6):
        done = ssh("thea", password, phone.wrong(), "127.0.0.31", "sshd-wait")
        s.check(f"wrong code {number} of 5 is denied", not done.got_in, done)
    s.matches("log line of the fifth", suite.LOG.module("sshd-wait", "user=thea")[-1],
              line("deny", "wrong", "thea", fails=5, rhost="127.0.0.31", service="sshd-wait"))
    done = ssh("thea", password, phone.fresh, "127.0.0.31", "sshd-wait")
    s.check("then even a right code is denied", not done.got_in, done)
    s.matches("the user is told to wait", done.transcript,
              r"(?s).*Too many wrong codes\. Try again in \d+ s\..*")
    s.matches("log line of a throttled one", suite.LOG.module("sshd-wait", "user=thea")[-1],
              line("deny", "throttled", "thea", wait=r"\d+", rhost="127.0.0.31",
                   service="sshd-wait"))
    done = ssh("thea", password, phone.fresh, "127.0.0.32", "sshd-wait")
    s.check("the right user gets in from another source meanwhile", done.got_in, done)

    def wait():
        threading.Event().wait(16)
        phone.wait_next()
        return phone.fresh()
    done = ssh("thea", password, wait, "127.0.0.31", "sshd-wait")
    s.check("after the wait the first source gets in with a right code", done.got_in, done)


def lock(s):
    password = host.add_user("lou")
    phone = host.add_device("lou")
    for number in (1, 2, 3):
        done = ssh("lou", password, phone.wrong(), f"127.0.0.{40 + number}", "sshd-lock")
        s.check(f"wrong code {number} of 3 is denied", not done.got_in, done)
    s.matches("log line of the one that locks", suite.LOG.module("sshd-lock", "user=lou")[-1],
              line("deny", "wrong", "lou", fails=1, rhost="127.0.0.43", service="sshd-lock",
                   more=" locked=now"))
    done = ssh("lou", password, phone.fresh, "127.0.0.44", "sshd-lock")
    s.check("locked: a right code is denied, from anywhere", not done.got_in, done)
    s.check("the user is told whom to ask", "MFA is locked for this account" in done.transcript,
            done)
    s.matches("log line of a locked one", suite.LOG.module("sshd-lock", "user=lou")[-1],
              line("deny", "locked", "lou", rhost="127.0.0.44", service="sshd-lock"))
    host.run("totp-admin", "unlock", "lou")
    done = ssh("lou", password, phone.fresh, "127.0.0.44", "sshd-lock")
    s.check("totp-admin unlock lets the user in again", done.got_in, done)


def trouble(s):
    password = host.add_user("tess")
    phone = host.add_device("tess")
    done = ssh("tess", password, phone.fresh, service="sshd-broken")
    s.check("broken settings: denied", not done.got_in, done)
    s.equal("broken settings: no code is asked for", done.prompts, [PASSWORD])
    s.check("broken settings: the user is told no more than whom to ask",
            "MFA cannot be checked at the moment" in done.transcript and
            "fail_open" not in done.transcript, done)
    s.matches("broken settings: the log says which key", last(0, "tess", "sshd-broken"),
              line("error", "settings", "tess", service="sshd-broken", more=" error=.*fail_open.*"))
    before = logged("tess")
    host.run("usermod", "--uid", "4999", "tess")
    done = ssh("tess", password, phone.fresh)
    s.check("a record of another account of this name: denied", not done.got_in, done)
    s.matches("and the log says so", last(before, "tess"),
              line("error", "store", "tess", more=" error=.*another%20account.*"))


def passwords_method(s):
    """sshd's own method gives the password as the answer to every question."""
    only = ("-o", "PreferredAuthentications=password")
    password = host.add_user("pam")
    host.add_device("pam")
    done = ssh("pam", password, None, service="sshd-method", options=only)
    s.check("sshd's password method: denied", not done.got_in, done)
    s.equal("sshd's password method: the code is never asked for", done.prompts, [PASSWORD])
    s.matches("sshd's password method: malformed, and not counted",
              last(0, "pam", "sshd-method"),
              line("deny", "malformed", "pam", service="sshd-method"))
    s.check("sshd's password method: no failure is stored",
            '"failures": 0' in host.run("totp-admin", "--json", "show", "pam"))


def keys(s):
    password = host.add_user("kay")
    phone = host.add_device("kay", period=15)
    folder = "/var/lib/home/kay/.ssh"
    host.run("install", "-d", "-m", "0700", "-o", "kay", "-g", "kay", folder)
    key = "/run/kay_key"
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    host.run("install", "-m", "0600", "-o", "kay", "-g", "kay", key + ".pub",
             folder + "/authorized_keys")
    with_key = ("-i", key)

    def login_with(code, options):
        return ssh("kay", password, code, service="sshd-key", options=options)
    done = login_with(phone.fresh, with_key)
    s.check("publickey,keyboard-interactive: key and code get in", done.got_in, done)
    s.equal("publickey,keyboard-interactive: only the code is asked for", done.prompts, [CODE])
    s.matches("publickey,keyboard-interactive: log line", last(0, "kay", "sshd-key"),
              line("accept", "code", "kay", device="phone", service="sshd-key"))
    done = login_with(phone.wrong(), with_key)
    s.check("key and wrong code: denied", not done.got_in, done)
    done = login_with(None, (*with_key, "-o", "PreferredAuthentications=publickey"))
    s.check("the key alone: denied", not done.got_in, done)
    s.equal("the key alone: nothing is asked for", done.prompts, [])
    phone.wait_next()
    done = login_with(phone.fresh, ())
    s.check("the code alone: denied", not done.got_in, done)
    s.equal("the code alone: it is not even asked for", done.prompts, [])
    done = login_with(phone.fresh, with_key)
    s.check("that code was not used up", done.got_in, done)


suite.main(__file__, [verdicts, two_sessions, strangers, unenrolled, throttle, lock, trouble,
                      passwords_method, keys], prepare)
