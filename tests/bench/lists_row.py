# SPDX-License-Identifier: Apache-2.0
"""A list of a million revoked serials is swapped for another while requests are decided. Every figure is from /metrics."""
import os
import pathlib
import re
import statistics
import subprocess
import threading
import time
import urllib.request

from stand import HOST, Unfit, free_port

ENTRIES = 1_000_000
LEAVES = 64
REVOKED = LEAVES - 1
MB = 1 << 20
# Half of what a core can decide, so that load, loop and the building of lists have room on two cores.
RATE = 20000
SECONDS = 60


class Metrics:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/metrics"

    def read(self):
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in re.findall(r"^([^#\s].*) (\S+)$", text, re.M)}

    @staticmethod
    def entries(page):
        return sum(value for name, value in page.items() if name.startswith("mtlsguard_revocation_list_entries{"))

    @staticmethod
    def stalls(page):
        return page["mtlsguard_loop_stall_seconds_count"] - page['mtlsguard_loop_stall_seconds_bucket{le="0.001"}']

    def wait_for_entries(self, count):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            page = self.read()
            if self.entries(page) == count:
                return page
            time.sleep(0.05)
        raise Unfit(f"no list of {count} entries after {SECONDS} s")


class Load(threading.Thread):
    """Asks until stop(), in runs of a second."""

    def __init__(self, stand, path, mix):
        super().__init__(daemon=True)
        self.ask = lambda: stand.load(f"unix:{path}", mix, connections=8, inflight=8, rate=RATE, seconds=1, warmup=0)
        self.ends, self.wrong, self.verdicts, self.fault = False, 0, 0, None

    def run(self):
        try:
            while not self.ends:
                result = self.ask()
                self.wrong += result["wrong"] + result["lost"]
                self.verdicts += result["verdicts"]
        except (Unfit, OSError, subprocess.SubprocessError) as why:
            self.fault = str(why)

    def stop(self):
        self.ends = True
        self.join(30)


def make_list(stand, pki, number):
    """Each has one entry more than the one before; all but the first revoke the last leaf."""
    path = pki / f"list-{number}.crl"
    leaf = [pki / f"leaf-{REVOKED}.pem"] if number else []
    subprocess.run([stand.tool("biglist"), pki / "ca-0.pem", pki / "ca-0.key", str(ENTRIES + number), str(number + 1), path, *leaf],
                   check=True, timeout=60)
    return path


def rest(metrics, seconds):
    """Wake-ups over 1 ms while nothing is swapped: what other programs do to a loop."""
    before = metrics.read()
    time.sleep(seconds)
    return int(metrics.stalls(metrics.read()) - metrics.stalls(before))


def put_loops_first(pid):
    """No other program may take the core from a request loop, so that what stalls it is its own work. False: not permitted."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("loop/"):
            try:
                os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(1))
            except PermissionError:
                return False
    return True


def swap(metrics, path, used, count):
    """Puts another list in place. Returns wake-ups over 1 ms meanwhile, and seconds until it counted."""
    before, begin = metrics.read(), time.monotonic()
    os.rename(path, used)
    metrics.wait_for_entries(count)
    took = time.monotonic() - begin
    # The former list is freed after the last loop has the new one.
    time.sleep(0.5)
    return int(metrics.stalls(metrics.read()) - metrics.stalls(before)), took


def measure(stand, swaps):
    pki = stand.material(1, LEAVES)
    port, used = free_port(), pki / "used.crl"
    path = make_list(stand, pki, 0)
    size = path.stat().st_size / MB
    os.rename(path, used)
    config, path, _ = stand.config(pki, 1, {HOST: [0]}, admin=f"'127.0.0.1:{port}'", revocation=f"crl = {{ '{used}' }}")
    metrics, faults = Metrics(port), []
    with stand.agent(config, core=None) as agent:
        agent.wait_for(path, SECONDS)
        metrics.wait_for_entries(ENTRIES)
        first = put_loops_first(agent.pid)
        load = Load(stand, path, stand.mix(pki, REVOKED, [HOST], "mix-good"))
        load.start()
        time.sleep(1)
        took = [swap(metrics, make_list(stand, pki, number), used, ENTRIES + number) for number in range(1, swaps + 1)]
        calm = 0 if first else statistics.median(rest(metrics, 1.5) for _ in took)
        load.stop()
        page = metrics.read()
        denied = stand.load(f"unix:{path}", stand.mix(pki, 1, [HOST], "mix-revoked", "deny", REVOKED), count=10)
    # Whatever a swap itself does to a loop it does each time; what a busy machine does, to a swap here and there.
    stalls = statistics.median(stalls for stalls, _ in took)
    if load.fault or load.wrong or not load.verdicts:
        faults.append(f"lists: {load.wrong} wrong answers while lists were swapped, {load.fault}")
    if denied["wrong"] or denied["lost"]:
        faults.append(f"lists: what the last list revokes is not denied: {denied}")
    return {"rss_mb": page["mtlsguard_memory_resident_bytes"] / MB, "peak_mb": page["mtlsguard_memory_peak_bytes"] / MB,
            "file_mb": size, "stalls": stalls, "calm": calm, "swaps": swaps,
            "stall_max_ms": page['mtlsguard_loop_stall_max_seconds{loop="0"}'] * 1000,
            "swap_s": min(seconds for _, seconds in took), "faults": faults}
