#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One connection at a time misbehaves; the p99 of 63 others has to stay under 5 ms. Prints TAP.

    isolation.py [--build build] [--seconds 3] [--threads 2] [--kinds KIND...]

The others ask 4000 times a second all together, at fixed times: what is late counts from when it was due. Kinds: none (for
comparison), stall, mute, deaf, flood, rubbish (tests/bench/bad.c), and spin (a worker that never ends).
"""
import argparse
import subprocess
import sys

from stand import HOST, Stand, Unfit

KINDS = ["none", "stall", "mute", "deaf", "flood", "rubbish", "spin"]
OTHERS, RATE, LIMIT_US = 63, 4000, 5000
LEAVES = 8


def start_bad(stand, kind, address, mix, spin_mix, seconds):
    if kind == "none":
        return None
    if kind == "spin":
        args = [stand.tool("load"), "--connect", address, "--mix", spin_mix, "--connections", 1, "--inflight", 1,
                "--seconds", seconds, "--warmup", 0]
    else:
        args = [stand.tool("bad"), "--kind", kind, "--connect", address, "--mix", mix, "--seconds", seconds]
    # Whatever it does to the agent is measured, not what it takes from the load generator on a machine with two cores.
    return subprocess.Popen(["nice", "-n", "10", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def one(stand, kind, address, mix, spin_mix, seconds):
    """(reached, what was measured)"""
    bad = start_bad(stand, kind, address, mix, spin_mix, seconds + 1.5)
    try:
        result = stand.load(address, mix, core=None, connections=OTHERS, inflight=1, rate=RATE, seconds=seconds, warmup=0.5)
    finally:
        words = bad.communicate(timeout=60)[0].strip() if bad else ""
    good = result["p99_us"] < LIMIT_US and not result["wrong"] and not result["lost"]
    if bad and bad.returncode:
        good = False
    return good, f"p50 {result['p50_us']:.0f} p99 {result['p99_us']:.0f} max {result['max_us']:.0f} us, " \
        f"{result['verdicts']} verdicts, {result['wrong']} wrong, {result['lost']} lost", words


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
                good, figures, words = one(stand, kind, f"127.0.0.1:{port}", mix, spin_mix, options.seconds)
                if not good:
                    # A machine that is shared loses a core for some milliseconds now and then: what happens twice is the agent's.
                    print(f"# {kind}, first try: {figures}", flush=True)
                    good, figures, words = one(stand, kind, f"127.0.0.1:{port}", mix, spin_mix, options.seconds)
                failed += not good
                print(f"{'ok' if good else 'not ok'} {number} - {kind}: {figures}", flush=True)
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
