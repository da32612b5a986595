#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""Writes good inputs and dictionaries for the fuzzing targets.

usage: seeds.py DIRECTORY
Each target NAME gets DIRECTORY/NAME/* and, where words help, DIRECTORY/NAME.dict.
What is written is the same each time.
"""
import os
import random
import struct
import sys

SALT = 'e0e1e2e3e4e5e6e7e8e9eaebecedeeef'
HASH = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf'

HEAD = 'pam_totp-record 1\nuser alice\nuid 1000\nnext_id 6\n'
DEVICE = ('\n[device %d]\nname %s\ntype %s\nstate %s\nalgorithm %s\ndigits %d\nperiod %d\n'
          'secret %s\ncreated 1700000000\nexpires %d\nrotate_by 0\ndrift %d\nreplaces %d\n')
KEY = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
PHONE = DEVICE % (1, 'phone', 'virtual', 'active', 'SHA1', 6, 30, KEY, 0, -7, 0)
TOKEN = DEVICE % (4, 'token', 'hardware', 'pending', 'SHA256', 8, 60, 'GEZDGNBVGY3TQOJQ',
                  1700000601, 0, 1)
OLD = DEVICE % (5, 'old', 'virtual', 'disabled', 'SHA512', 7, 120, 'GEZDGNBVGY3TQOJQGE', 9, 3, 0)
REST = [
    f'\n[recovery 2]\niterations 10000\nsalt {SALT}\ncode {HASH}\ncode {HASH[::-1]}\n',
    '\n[exempt]\nuntil 1900000000\nreason on leave\n',
    f'\n[bypass 2]\nexpires 1700003600\nsalt {SALT}\nhash {HASH}\n',
    f'\n[ticket 3]\nexpires 1700003601\nsalt {SALT}\nhash {HASH}\n',
    '\n[former 2]\nname old-phone\ntype virtual\ncreated 1600000000\nended 1650000000\n',
    '\n[notice 7]\nat 1700000002\ntext device added\n\n[notice 9]\nat 3\ntext rotate soon\n',
]
END = '\nend\n'

SETTINGS = [
    '# a comment\nwindow = 1\nprompt = "Code: "\n\n[service sshd]\ntries = 3\necho = yes\n',
    'unenrolled = grace\ngrace_days = 35\nenforce_after = 2026-01-31\ngroups = wheel, admin\n'
    '[group wheel]\nmax_age = 3600\n[group b]\nqr = ascii\n[service sudo]\nwindow=0\n',
    'store = file:/var/lib/x\nissuer = Example\nfeedback = none\nfirst_pass = append\n'
    'enrol_ticket = required\nnotify = /usr/bin/true\nmax_devices = 8\nthrottle_after = 3\n'
    'throttle_delay = 30\nlock_after = 100\nfail_delay = 2000\n',
    'conf=/etc/x\nwindow=2\nunenrolled=skip\n',
]

URIS = [
    'otpauth://totp/Example:alice@host?secret=JBSWY3DPEHPK3PXP&issuer=Example',
    'otpauth://totp/Ex%20ample%3A%20al%C3%AFce?secret=jbswy3dpehpk3pxpjbswy3dpehpk3pxp======'
    '&algorithm=SHA256&digits=8&period=60&image=x',
    'OTPAUTH://TOTP/a?secret=JBSWY3DPEHPK3PXP&counter=1',
    'otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP&counter=1',
    'otpauth://totp/Steam:a?secret=JBSWY3DPEHPK3PXP&encoder=steam',
]

SESSION = ('session number=%d kind=%s uid=1000 caller=%s class=login service=sshd tty=%s '
           'source=%s audit=4294967295 pid=%d start=%d parent=%d parent-start=%d boot=b-1 '
           'device=1 created=1700000000 epoch=2 name=phone boottime=9000 at=1700000100\n')
TERMINAL = SESSION % (1, 'terminal', 'alice', 'pts/1', '', 77, 5, 0, 0)
SESSIONS = ['pam_totp-sessions 2\n' + s + 'end\n' for s in (
    '', TERMINAL,
    SESSION % (2, 'passed', '', '', '192.0.2.7', 78, 6, 70, 4)
    + SESSION % (3, 'login', '', '', '2001:db8::1', 70, 4, 0, 0),
    SESSION % (4, 'source', '', '', '192.0.2.7', 0, 0, 0, 0))]

MESSAGES = [
    'hello version=1 user=alice', 'request op=add name=phone type=virtual digits=6 period=30',
    'prompt echo=0 kind=pam text=Password%3A%20', 'answer text=%00', 'abort',
    'codes first=123456 second=654321', 'refused verdict=same-code off=0 left=3 text=a%0Ab',
    'done exit=0 text=', 'x n=4', 'device id=1 name=phone state=active drift=-3',
    'recovery ' + ' '.join(f'code{i}=kqvbz-mdxtl-frwng-hspcq' for i in range(10)),
]

HEX = '3132333435363738393031323334353637383930'
IMPORTS = [
    (0, '# users\n\nalice otpauth://totp/x:alice?secret=JBSWY3DPEHPK3PXP&issuer=x\r\n'
        'bob otpauth://totp/bob?secret=' + KEY + '&digits=8&period=60&algorithm=SHA512\n'),
    (1, f'# users\nHOTP/T30 alice - {HEX}\nHOTP/T60/8\tbob\t+\t{HEX}\t0\t328482\t'
        '2009-12-07T00:23:48L\n'),
    (1, f'HOTP/T30/7 alice - {HEX}\nHOTP/E/6 bob 1234 {HEX} 4\n'),
    (2, KEY + '\n" RATE_LIMIT 3 30\n" WINDOW_SIZE 17\n" STEP_SIZE 60\n" TOTP_AUTH\n12345678\n'),
    (2, 'JBSW Y3DP-EHPK 3PXP\n" HOTP_COUNTER 1\n'),
]

STACKS = [
    'auth required pam_unix.so nullok\nauth required pam_totp.so conf=/etc/x\n'
    'account required pam_unix.so\n',
    '@include common\nauth [success=1 default=ignore] pam_totp.so \\\n  [a b] tries=1\n'
    'auth requisite pam_deny.so\nauth required pam_permit.so\n=common\n'
    'auth sufficient pam_rootok.so # no\n-auth [success=2 new_authtok_reqd=ok default=die] x.so\n',
    'auth substack a\nauth include b\naccount include b\n=a\nauth sufficient pam_unix.so\n'
    '=b\nauth required pam_totp.so\naccount sufficient pam_permit.so\n=other\n'
    'auth required pam_deny.so\n',
    'auth required pam_env.so\n' * 12 + 'auth sufficient pam_totp.so\n',
    'auth [success=ok ignore=reset user_unknown=bad perm_denied=3 default=done] pam_totp.so\n',
]

UNITS = [
    '[Unit]\nDescription=x\n[Service]\nProtectSystem=strict\nReadWritePaths=-/run /var/lib/pam_totp\n',
    '[Service]\nReadOnlyPaths=/etc \\\n # a comment\n ; another\n /var\nReadOnlyPaths=\n',
    '[Service]\nTemporaryFileSystem=/var:ro\nBindPaths=/var/lib\nInaccessiblePaths=/srv\n',
    '[Service]\nUser=daemon\nDynamicUser=yes\nNoNewPrivileges=1\nPrivateTmp=on\n'
    'RootDirectory=/srv\nStateDirectory=a b:c\n',
]
SSHD = [
    'usepam yes\npermitrootlogin without-password\npasswordauthentication yes\n'
    'kbdinteractiveauthentication yes\npubkeyauthentication yes\npermitemptypasswords no\n'
    'gssapiauthentication no\nhostbasedauthentication no\nauthenticationmethods any\n',
    'usepam no\nauthenticationmethods publickey,keyboard-interactive password '
    'publickey,keyboard-interactive:pam\npermitrootlogin no\n',
    'AuthenticationMethods ' + 'publickey,password ' * 20 + '\n',
]

TEXTS = [b'a\x1b[31mred\x07', 'na\u00efve \u202e evil \u20ac'.encode(), b'\xf0\x9f\x98\x80 \xff\xc0',
         b'one two three\nfour ' * 9]

TYPED = [b'123456', b'012 345', b'1234-5678', b'12345', b'123456789', b'\x08\n\r\x7fIN',
         b'kqvbz-mdxtl-frwng-hspcq', b'KQVBZ MDXTL FRWNG HSPCQ', '\uff11\uff12'.encode() * 3]

ENCODED = [b'JBSWY3DPEHPK3PXP', b'jbswy3dpeh======', b'MZXW6===', b'00ff', HASH.encode(), b'SHA256',
           b'2024-02-29', b'1970-01-01', b'9999-12-31', b'18446744073709551615', b'A' * 103]


def state_slot(generation):
    """A slot without its sum, as core/state.c lays it out."""
    slot = b'TOTPSTA1' + struct.pack('<QQIIIIIIIIQ', generation, 1700000000, 1000, 1, 2, 2, 5, 1, 1,
                                     9, 1700000000)
    slot += struct.pack('<IiQQ', 1, -7, 56666667, 1700000000) + bytes(24 * 8)
    slot += struct.pack('<QQII', 77, 1700000000, 3, 0) + bytes(24 * 6)
    return slot + bytes(512 - len(slot))


def seeds():
    """Everything, as NAME: list of bytes."""
    records = [HEAD + END, HEAD + PHONE + END,
               HEAD + 'enrol_by 1800000000\n' + PHONE + TOKEN + OLD + ''.join(REST) + END]
    records += [HEAD + PHONE + part + END for part in REST]
    states = [b'\x03' + state_slot(4) + state_slot(5), b'\x01' + state_slot(1),
              b'\x07' + state_slot(9), b'\x02' + bytes(512) + state_slot(1),
              b'\x03' + state_slot(2) + state_slot(9)]
    rng = random.Random(1)
    attempts = [bytes(rng.randrange(256) for _ in range(n)) for n in (24, 48, 96, 160)]
    # Settings, devices, then operations: see fuzz_attempt.c.
    attempts += [bytes([1, 2, 3, 4, 0, 0, 0, 0]) + bytes(x for _ in range(12) for x in (op, 0, 0, 0))
                 for op in range(16)]
    attempts += [bytes([1, 9, 9, 1, 2, 0, 0, 1]) +
                 bytes(x for i in range(16) for x in (i % 16, i, 3, 1, 0, 4))]
    return {
        'record': [r.encode() for r in records],
        'state': states,
        'session': [s.encode() for s in SESSIONS],
        'settings': [bytes([flags]) + s.encode() for s in SETTINGS for flags in (0, 1)],
        'otpauth': [u.encode() for u in URIS],
        'import': [bytes([format | weak]) + text.encode() for format, text in IMPORTS
                   for weak in (0, 4)],
        'message': [m.encode() for m in MESSAGES],
        'pam_stack': [s.encode() for s in STACKS],
        'sshd': [s.encode() for s in SSHD],
        'unit': [s.encode() for s in UNITS],
        'text': [bytes([cap, flags]) + t for t in TEXTS for cap, flags in ((60, 1), (9, 20))],
        'typed': TYPED,
        'encode': ENCODED,
        'secret_input': [URIS[0].encode() + b'\n', b' a b \r\n', b'123456\n654321\n', b'\0x', b'\n'],
        'attempt': attempts,
    }


def words(texts):
    """The words of texts, for a dictionary."""
    found = set()
    for text in texts:
        for mark in '=,:/?&"':
            text = text.replace(mark, f' {mark} ')
        found.update(w for w in text.split() if 1 < len(w) <= 40)
    return sorted(found)


def main():
    """Write them all."""
    top = sys.argv[1]
    for name, inputs in seeds().items():
        os.makedirs(f'{top}/{name}', exist_ok=True)
        for i, data in enumerate(inputs):
            with open(f'{top}/{name}/seed-{i:02}', 'wb') as out:
                out.write(data)
    kinds = {'record': [HEAD, PHONE, TOKEN, OLD, *REST, END], 'settings': SETTINGS, 'otpauth': URIS,
             'message': MESSAGES, 'pam_stack': STACKS, 'sshd': SSHD,
             'session': SESSIONS, 'unit': UNITS, 'import': [text for _, text in IMPORTS]}
    for name, texts in kinds.items():
        with open(f'{top}/{name}.dict', 'w', encoding='ascii') as out:
            for word in words(texts):
                escaped = ''.join(c if c not in '"\\' else f'\\x{ord(c):02x}' for c in word)
                out.write(f'"{escaped}"\n')


main()
