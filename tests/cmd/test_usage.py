#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands, options, exit codes."""
from cmdlib import contains, equal, main, mtlsguard

COMMANDS = ("run", "check", "eval", "haproxy", "status", "reload", "drain")


def test_no_command():
    """no command is wrong usage, and the commands are listed"""
    code, out, err = mtlsguard()
    equal((code, out), (2, ""))
    contains(err, *COMMANDS)


def test_unknown_command():
    """an unknown command is wrong usage and names the nearest one"""
    code, _, err = mtlsguard("chekc")
    equal(code, 2)
    contains(err, "unknown command chekc", "did you mean check?")
    code, _, err = mtlsguard("frobnicate")
    equal(code, 2)
    assert "did you mean" not in err, err


def test_unknown_option():
    """an unknown option is wrong usage and names the nearest one"""
    for command, wrong, right in (("check", "--jsno", "--json"), ("eval", "--cret", "--cert"), ("run", "--confg", "--config"),
                                  ("drain", "--nowait", "--no-wait"), ("reload", "--controll", "--control")):
        code, out, err = mtlsguard(command, wrong)
        equal((code, out), (2, ""))
        contains(err, wrong, f"did you mean {right}?")


def test_bad_values():
    """a value that is missing, given twice or unwanted is wrong usage, and so is an extra argument"""
    for args in (("check", "-c"), ("check", "--json=yes"), ("check", "-c", "a", "--config=b"), ("check", "extra"), ("status", "x"),
                 ("eval", "--json"), ("run", "-z"), ("eval", "--url")):
        equal(mtlsguard(*args)[0], 2)


def test_help():
    """every command has --help, on stdout"""
    for command in COMMANDS:
        for option in ("--help", "-h"):
            code, out, err = mtlsguard(command, option)
            equal((code, err), (0, ""))
            contains(out, f"mtlsguard {command}")
    code, out, _ = mtlsguard("--help")
    equal(code, 0)
    contains(out, *COMMANDS)


def test_version():
    """--version tells it"""
    code, out, err = mtlsguard("--version")
    equal((code, err), (0, ""))
    assert out.startswith("mtlsguard 0."), out


def test_no_agent():
    """without an agent status, reload and drain say so and exit 1"""
    for command in ("status", "reload", "drain"):
        code, out, err = mtlsguard(command, "--control", "unix:/nonexistent/control.sock")
        equal((code, out), (1, ""))
        contains(err, "is it running?")
        equal(mtlsguard(command, "--control", "127.0.0.1:1")[0], 1)


main(globals())
