# SPDX-License-Identifier: Apache-2.0
"""Tests as functions, results as TAP."""
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a test that can't run here; the text says why."""


class Tests:
    def __init__(self):
        self.cases = []

    def __call__(self, function):
        """Decorator: the function's name, with blanks, is the test's."""
        self.cases.append(function)
        return function

    def run(self, only=None):
        failed = 0
        cases = [case for case in self.cases if not only or only in case.__name__]
        print(f"1..{len(cases)}", flush=True)
        for number, case in enumerate(cases, 1):
            name, started = case.__name__.replace("_", " "), time.monotonic()
            try:
                case()
                print(f"ok {number} - {name} ({time.monotonic() - started:.1f} s)", flush=True)
            except Skip as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}", flush=True)
        return 1 if failed else 0


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what + ': ' if what else ''}{actual!r}, expected {expected!r}")


def main(tests):
    return tests.run(sys.argv[1] if len(sys.argv) > 1 else None)
