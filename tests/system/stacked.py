#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""pam_totp beside the modules that do what it deliberately does not: Debian's own pam_u2f
(a security key or the code) and pam_pwquality (which passwords are good enough), with the
shipped examples; only the path of pam_totp is edited. And a password that has expired, which
pam_unix has changed after the code (AWS: "must change the password at the next sign-in").

The key is one in software, answered by openssl: pam_u2f's option "manual" shows the
challenge and takes the signed answer as text, so that its verification is the real one.
What a real key adds, USB and a finger, is not tested here.
"""

import base64
import glob
import hashlib
import io
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import host
import suite
from host import CODE, PASSWORD, login

MAPPINGS = "/etc/u2f_mappings"
RESPONSE = r"Response #1: ?$"
PASSWD_NEW = r"New password: ?$"
PASSWD_AGAIN = r"Retype new password: ?$"
PASSWD_OLD = r"Current password: ?$"
ORIGIN = "pam://office"
SSHD = {}


def has_module(name):
    return glob.glob(f"/lib*/*/security/{name}.so") or glob.glob(f"/lib*/security/{name}.so")


def prepare():
    # As shipped, and with the key answered as text.
    host.install_service("sudo-totp-u2f", "sudo-u2f")
    host.install_service("sudo-totp-u2f", "su")
    with open("/etc/pam.d/su", encoding="ascii") as file:
        text = file.read()
    with open("/etc/pam.d/su", "w", encoding="ascii") as file:
        file.write(re.sub(r"^(auth .* )cue$", r"\1manual", text, flags=re.MULTILINE))
    host.install_service("passwd-pwquality", "passwd")
    with open("/etc/sudoers.d/u2f", "w", encoding="ascii") as file:
        file.write("Defaults pam_service=sudo-u2f, !lecture\n%sudo ALL=(ALL:ALL) ALL\n")
    os.chmod("/etc/sudoers.d/u2f", 0o440)
    host.add_user("caller")
    host.install_service("sshd-totp", "sshd-code")
    host.install_service("sshd-totp", "sshd-grace", arguments="unenrolled=grace")
    for service in ("sshd-code", "sshd-grace"):
        SSHD[service] = host.Sshd(service, "50-totp-password.conf").start()
    return list(SSHD.values())


class Key:
    """A security key in software: what a CTAP authenticator signs, by openssl."""

    def __init__(self, user, file=MAPPINGS):
        self.pem = f"/run/key-{user}"
        self.shown = io.StringIO()
        host.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                 self.pem)
        host.run("openssl", "ec", "-in", self.pem, "-pubout", "-outform", "DER", "-out",
                 f"{self.pem}.der")
        with open(f"{self.pem}.der", "rb") as public:
            point = base64.b64encode(public.read()[-64:]).decode()
        handle = base64.b64encode(os.urandom(32)).decode()
        with open(file, "a", encoding="ascii") as mappings:
            mappings.write(f"{user}:{handle},{point},es256,+presence\n")
        os.chmod(file, 0o600)

    def answers(self, is_touched=True):
        """The four texts of an answer, one a prompt; each is made when it is asked for."""
        def challenge():
            lines = self.shown.getvalue().replace("\r", "").split("\n")
            return lines[lines.index(next(line for line in lines
                                          if line.startswith("Challenge #1"))) + 1]

        def authenticator_data():
            flags = b"\x01" if is_touched else b"\x00"
            return hashlib.sha256(ORIGIN.encode()).digest() + flags + bytes(4)

        def signature():
            with open(f"{self.pem}.signed", "wb") as file:
                file.write(authenticator_data() + base64.b64decode(challenge()))
            host.run("openssl", "dgst", "-sha256", "-sign", self.pem, "-out",
                     f"{self.pem}.signature", f"{self.pem}.signed")
            with open(f"{self.pem}.signature", "rb") as file:
                return base64.b64encode(file.read()).decode()

        def data():  # as CBOR: a byte string of 37
            return base64.b64encode(b"\x58\x25" + authenticator_data()).decode()
        return [challenge, lambda: ORIGIN, data, signature]


def su(user, passwords, codes=(), key=None, responses=()):
    return login(host.as_user("caller", "su", user, "-c", "echo {mark}"),
                 {PASSWORD: list(passwords), CODE: list(codes), RESPONSE: list(responses)},
                 echo=key.shown if key else None)


def sudo(user, passwords, codes=()):
    return login(host.as_user(user, "sudo", "echo", "{mark}"),
                 {PASSWORD: list(passwords), CODE: list(codes)})


def a_key_or_a_code(s):
    password = host.add_user("kay")
    phone = host.add_device("kay", period=15)
    key = Key("kay")
    done = su("kay", [password], [], key, key.answers())
    s.check("a key that is touched: in", done.got_in, done)
    s.equal("and no code is asked for", done.prompts, [PASSWORD] + [RESPONSE] * 4)
    key.shown = io.StringIO()
    done = su("kay", ["not it"], [], key, key.answers())
    s.check("a key does not make up for the password", not done.got_in, done)
    s.equal("which is not even followed by the key", done.prompts, [PASSWORD])
    key.shown = io.StringIO()
    done = su("kay", [password], [phone.fresh], key, key.answers(is_touched=False))
    s.check("a key that is not touched is none: the code, then in", done.got_in, done)
    s.equal("asked for after the key", done.prompts, [PASSWORD] + [RESPONSE] * 4 + [CODE])
    key.shown = io.StringIO()
    phone.wait_next()
    done = su("kay", [password], [phone.wrong()], key, key.answers(is_touched=False))
    s.check("neither key nor code: denied", not done.got_in, done)
    stranger = Key("stranger", "/run/stranger")
    stranger.shown = io.StringIO()
    done = su("kay", [password], [phone.wrong()], stranger, stranger.answers())
    s.check("another key's answer and a wrong code: denied", not done.got_in, done)


def without_a_key(s):
    password = host.add_user("ned", ("sudo",))
    phone = host.add_device("ned", period=15)
    done = sudo("ned", [password], [phone.fresh])
    s.check("no key in the file: the code lets in", done.got_in, done)
    s.equal("and has to", done.prompts, [PASSWORD, CODE])
    host.run("sudo", "-K", "-u", "ned", check=False)
    host.run(*host.as_user("ned", "sudo", "-K"))
    done = sudo("ned", [password], [phone.wrong()])
    s.check("no key and a wrong code: denied", not done.got_in, done)

    password = host.add_user("nina", ("sudo",))
    done = sudo("nina", [password], ["000000"] * 3)
    s.check("neither key nor device: denied", not done.got_in, done)


def a_key_that_is_not_plugged_in(s):
    password = host.add_user("una", ("sudo",))
    phone = host.add_device("una", period=15)
    Key("una")
    done = sudo("una", [password], [phone.fresh])
    s.check("a key that is not plugged in: the code lets in", done.got_in, done)
    host.run(*host.as_user("una", "sudo", "-K"))
    done = sudo("una", [password], [phone.wrong()])
    s.check("and a wrong code does not", not done.got_in, done)


def no_file_lets_nobody_in(s):
    password = host.add_user("nora")
    phone = host.add_device("nora", period=15)
    with open("/etc/pam.d/su", encoding="ascii") as file:
        text = file.read()
    for name, content in (("missing", None), ("empty", ""), ("not a mapping", "nora\n:::,\n"),
                          ("another user's", "kay:aGFuZGxl,a2V5,es256,+presence\n")):
        path = "/run/u2f-" + name.replace(" ", "-").replace("'", "")
        if content is not None:
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
            os.chmod(path, 0o600)
        service = f"su-{os.path.basename(path)}"
        with open(f"/etc/pam.d/{service}", "w", encoding="ascii") as file:
            file.write(text.replace(MAPPINGS, path))
        # su's service is the name that it has built in: it is laid over here.
        command = ["unshare", "--mount", "sh", "-c",
                   f"mount --bind /etc/pam.d/{service} /etc/pam.d/su && exec \"$@\"", "sh",
                   *host.as_user("caller", "su", "nora", "-c", "echo {mark}")]
        done = login(command, {PASSWORD: [password], CODE: [phone.wrong()]})
        s.check(f"the file is {name}: a wrong code is refused", not done.got_in, done)
        s.equal(f"the file is {name}: the code is asked for", done.prompts, [PASSWORD, CODE])
    phone.wait_next()
    done = login(command, {PASSWORD: [password], CODE: [phone.fresh]})
    s.check("and a right one lets in", done.got_in, done)
    found = host.run("totp-admin", "doctor", check=False)
    s.check("doctor tells that a key goes past pam_totp",
            re.search(r"^WARN +sudo-u2f: .*pam_u2f\.so\" goes past pam_totp", found, re.M),
            found)


def passwd(user, old, new):
    """The user's own passwd. `new`: tried in this order. Exit status in the mark."""
    return login(host.as_user(user, "sh", "-c", "passwd && echo {mark}"),
                 {PASSWD_OLD: [old], PASSWD_NEW: new, PASSWD_AGAIN: new[-1:]})


def password_policy(s):
    password = host.add_user("pat")
    host.add_device("pat")
    better = "quite-unlikely-harbour-71"
    done = passwd("pat", password, ["abcdefgh"] * 3)
    s.check("a weak password is refused", not done.got_in, done)
    s.check("and told to be", "BAD PASSWORD" in done.transcript, done)
    s.equal("three times", done.prompts.count(PASSWD_NEW), 3, done)
    done = passwd("pat", password, ["abcdefgh", better])
    s.check("a better one after it is taken", done.got_in, done)
    s.check("no code is asked for: pam_totp has no opinion here", CODE not in done.prompts, done)
    done = passwd("pat", better, ["another-lighthouse-9152"])
    s.check("the new one counts, and can be changed again", done.got_in, done)
    done = passwd("pat", "another-lighthouse-9152", [better])
    s.check("a password of before is refused", not done.got_in, done)
    s.check("by pam_pwhistory", "already used" in done.transcript, done)


def expired(user, service, password, codes, new):
    return login(SSHD[service].client(user),
                 {PASSWORD: [password], CODE: codes, PASSWD_OLD: [password], PASSWD_NEW: [new],
                  PASSWD_AGAIN: [new]})


def expired_password(s):
    change = [PASSWD_OLD, PASSWD_NEW, PASSWD_AGAIN]
    new = "quite-unlikely-window-402"
    password = host.add_user("ella")
    phone = host.add_device("ella", period=15)
    host.run("chage", "-d", "0", "ella")
    done = expired("ella", "sshd-code", password, [phone.wrong()], new)
    s.check("expired password: a wrong code is refused", not done.got_in, done)
    s.equal("expired password: and changes none", done.prompts, [PASSWORD, CODE])
    done = expired("ella", "sshd-code", password, [phone.fresh], new)
    s.check("expired password: changed after the code, then in", done.got_in, done)
    s.equal("expired password: in this order", done.prompts, [PASSWORD, CODE] + change)
    done = login(SSHD["sshd-code"].client("ella"), {PASSWORD: [password]})
    s.check("expired password: the old one is none any more", not done.got_in, done)

    password = host.add_user("egon")
    host.run("chage", "-d", "0", "egon")
    done = expired("egon", "sshd-grace", password, [], new)
    s.check("expired password: also of a user in days of grace", done.got_in, done)
    s.equal("expired password: who is asked for no code", done.prompts, [PASSWORD] + change)


STORIES = [expired_password]
STORIES += [password_policy] if has_module("pam_pwquality") else []
if has_module("pam_u2f"):
    STORIES += [a_key_or_a_code, without_a_key, a_key_that_is_not_plugged_in,
                no_file_lets_nobody_in]
suite.main(__file__, STORIES, prepare)
