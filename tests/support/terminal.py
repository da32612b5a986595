# SPDX-License-Identifier: BSD-2-Clause
# Copyright the pam_totp authors
"""A person's terminal: a program runs on a pseudo-terminal, pyte keeps the screen that the
person would see, and picture() photographs it, so that zbarimg can read a QR code from the
screen as a phone does.
"""

import os
import subprocess
import time

import pexpect
import pyte

CELL_WIDTH = 8
CELL_HEIGHT = 16
LIGHT, DARK = 255, 0
# How a '#' looks in a usual console font, 8 x 16.
HASH = ("........", "........", "..#..#..", "..#..#..", "..#..#..", ".######.", "..#..#..",
        "..#..#..", "..#..#..", "..#..#..", ".######.", "..#..#..", "..#..#..", "..#..#..",
        "........", "........")
LEVELS = {"black": DARK, "white": LIGHT}


class Terminal:
    """A program on a terminal of rows x columns."""

    def __init__(self, command, rows=24, columns=80, env=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        base = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        base.update(env or {})
        self.child = pexpect.spawn(command[0], list(command[1:]), dimensions=(rows, columns),
                                   env=base, timeout=30)
        self.child.delaybeforesend = None

    def read(self, timeout=0.1):
        """Feed the screen with what came. False at the end."""
        try:
            data = self.child.read_nonblocking(65536, timeout)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self.stream.feed(data)
        return True

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def whole(self):
        return "\n".join(self.screen.display)

    def wait(self, text, timeout=30):
        """Until the screen shows text."""
        end = time.monotonic() + timeout
        while text not in self.whole():
            if not self.read() and text not in self.whole():
                raise AssertionError(f"ended without {text!r}:\n{self.text()}")
            if time.monotonic() > end:
                raise AssertionError(f"no {text!r} on the screen:\n{self.text()}")

    def save_recovery(self):
        """Say that the recovery codes of a first device are kept. Returns what was shown."""
        self.wait("Type ok when you have them: ")
        shown = self.text()
        self.type("ok\r")
        return shown

    def type(self, text):
        self.child.send(text)

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def finish(self, timeout=30):
        """Wait for the end. The exit status, or minus the signal."""
        end = time.monotonic() + timeout
        while self.read():
            if time.monotonic() > end:
                raise AssertionError(f"does not end:\n{self.text()}")
        self.child.close()
        if self.child.signalstatus is not None:
            return -self.child.signalstatus
        return self.child.exitstatus

    def modes(self):
        """The modes of the terminal, as stty tells them."""
        return subprocess.run(["stty", "-g"], stdin=self.child.child_fd, capture_output=True,
                              check=True).stdout

    def picture(self, path, is_dark=True):
        """Photograph the screen into a PGM file; is_dark: light text on a dark ground."""
        ground, ink = (DARK, LIGHT) if is_dark else (LIGHT, DARK)
        width = self.screen.columns * CELL_WIDTH
        pixels = bytearray()
        for y in range(self.screen.lines):
            lines = [bytearray() for _ in range(CELL_HEIGHT)]
            for x in range(self.screen.columns):
                cell = self.screen.buffer[y][x]
                fore = LEVELS.get(cell.fg, ink)
                back = LEVELS.get(cell.bg, ground)
                for i, line in enumerate(lines):
                    line += bytes(fore if bit else back for bit in glyph(cell.data, i))
            for line in lines:
                pixels += line
        with open(path, "wb") as file:
            file.write(b"P5 %d %d 255\n" % (width, len(pixels) // width) + pixels)
        return path


def distant(path):
    """The same picture from further away: each character becomes two pixels of its mean
    shade, enlarged again, so that what it is made of cannot be seen."""
    with open(path, "rb") as file:
        _, width, height, _ = file.readline().split()
        body = file.read()
    width, height, step = int(width), int(height), CELL_WIDTH
    pixels = bytearray()
    for y in range(0, height, step):
        line = bytearray()
        for x in range(0, width, step):
            total = sum(sum(body[(y + i) * width + x:(y + i) * width + x + step])
                        for i in range(step))
            line += bytes((total // (step * step),)) * step
        pixels += line * step
    far = path + ".distant.pgm"
    with open(far, "wb") as file:
        file.write(b"P5 %d %d 255\n" % (width, height) + pixels)
    return far


def glyph(character, line):
    """The pixels of one line of a character, of those that QR codes are drawn with."""
    upper = line < CELL_HEIGHT // 2
    if character == "\u2588" or (character == "\u2580" and upper) or (
            character == "\u2584" and not upper):
        return (True,) * CELL_WIDTH
    if character == "#":
        return tuple(c == "#" for c in HASH[line])
    return (False,) * CELL_WIDTH


def zbarimg(path, is_inverted=False):
    """What zbarimg reads in a picture, or "". is_inverted: also light on dark, as most apps."""
    more = ["-Stest-inverted"] if is_inverted else []
    done = subprocess.run(["zbarimg", "--quiet", "--raw", "--nodbus", *more, path],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()
