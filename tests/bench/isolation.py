#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One connection at a time misbehaves; the p99 of 63 others has to stay under 5 ms. Prints TAP.

    isolation.py [--build build] [--seconds 3] [--threads 2] [--kinds KIND...]

The others ask 4000 times a second all together, at fixed times: what is late counts from when it was due. Kinds: stall, mute, deaf,
flood, rubbish (tests/bench/bad.c), and spin (a worker that never ends). On a machine that does other things as well, the same
63 without any bad connection tell whether what was measured can be blamed on the agent.
"""
import argparse
import subprocess
import sys

from stand import HOST, Stand, Unfit

KINDS = ["stall", "mute", "deaf", "flood", "rubbish", "spin"]
OTHERS, RATE, LIMIT_US = 63, 4000, 5000
# Above this without a bad connection, the machine is too busy to judge by.
CALM_US = 2000
TRIES = 3
LEAVES = 8


def start_bad(stand, kind, address, mix, spin_mix, seconds):
    if kind == "none":
        return None
    if kind == "spin":
        args = [stand.tool("load"), "--connect", address, "--mix", spin_mix, "--connections", 1, "--inflight", 1,
                "--seconds", seconds, "--warmup", 0]
    else:
        args = [stand.tool("bad"), "--kind", kind, "--connect", address, "--mix", mix, "--seconds", seconds]
    # What it does to the agent is measured, not what it takes from the load generator: that goes before it (stand.pinned).
    return subprocess.Popen(list(map(str, args)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def one(stand, kind, address, mix, spin_mix, seconds):
    """(reached, p99, what was measured, what the bad connection says)"""
    bad = start_bad(stand, kind, address, mix, spin_mix, seconds + 1.5)
    try:
        result = stand.load(address, mix, core=None, connections=OTHERS, inflight=1, rate=RATE, seconds=seconds, warmup=0.5)
    finally:
        words = bad.communicate(timeout=60)[0].strip() if bad else ""
    good = result["p99_us"] < LIMIT_US and not result["wrong"] and not result["lost"] and not (bad and bad.returncode)
    figures = f"p50 {result['p50_us']:.0f} p99 {result['p99_us']:.0f} max {result['max_us']:.0f} us, " \
        f"{result['verdicts']} verdicts, {result['wrong']} wrong, {result['lost']} lost"
    return good, result["p99_us"], figures, words


def judge(kind, *arguments):
    """True, False, or None when the machine was too busy to tell; and what was measured. Failing twice counts."""
    failures = 0
    for _ in range(TRIES):
        good, _, figures, words = one(arguments[0], kind, *arguments[1:])
        if good:
            return True, figures, words
        _, calm, others, _ = one(arguments[0], "none", *arguments[1:])
        print(f"# {kind}: {figures}; without it: {others}", flush=True)
        failures += calm < CALM_US
        if failures == 2:
            return False, figures, words
    return (None if failures == 0 else False), figures, words


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    stand, failed = Stand(options.build), 0
    print(f"1..{len(options.kinds)}", flush=True)
    try:
        pki = stand.material(2, LEAVES)
        hosts = {HOST: [0, 1]}
        config, path, port = stand.config(pki, 2, hosts, threads=options.threads, spin=True)
        mix = stand.mix(pki, LEAVES, list(hosts))
        spin_mix = pki / "spin"
        spin_mix.write_text(f"deny:policy_timeout {HOST} GET /spin/1 leaf-0.der\n")
        with stand.agent(config, core=None) as agent:
            agent.wait_for(path)
            for number, kind in enumerate(options.kinds, 1):
                good, figures, words = judge(kind, stand, f"127.0.0.1:{port}", mix, spin_mix, options.seconds)
                failed += good is False
                note = " # SKIP this machine is too busy" if good is None else ""
                print(f"{'not ok' if good is False else 'ok'} {number} - {kind}: {figures}{note}", flush=True)
                if words:
                    print(f"# {words}", flush=True)
    except Unfit as why:
        print(f"Bail out! {why}")
        failed = 1
    finally:
        stand.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
