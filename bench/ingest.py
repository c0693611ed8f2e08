"""Ingest speed: one invented CSV of judgments, 15 columns, through to the lake. Run: python bench/ingest.py [ROWS] [--clean]"""
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from supervise_lib.data.contracts import contract
from supervise_lib.data.identity import keyring
from supervise_lib.data.readers import ingest

COLUMNS = ["case_no", "person_id_no", "person_name", "verdict", "principal_penalty", "term_years", "term_months", "is_suspended", "fine_yuan",
           "term_start_printed", "term_end_printed", "is_plea_accepted", "announce_date", "effective_date", "region_code"]


def numbers(n, rng):
    "Invented resident numbers that pass their check."
    days = (np.datetime64("1950-01-01") + rng.integers(0, 20000, n)).astype(str)
    body = np.array([f"340{c}{d[:4]}{d[5:7]}{d[8:]}{s:03d}" for c, d, s in zip(rng.choice(["111", "123", "202", "402"], n), days, rng.integers(1, 999, n), strict=True)])
    digits = body.astype("S17").view(np.uint8).reshape(n, 17) - 48
    weights = np.array([2 ** (17 - i) % 11 for i in range(17)])
    check = np.array(list("10X98765432"))[(digits @ weights) % 11]
    return np.char.add(body, check)


def write(path, n, dirty=True, seed=1):
    "An invented delivery: one date in five in Chinese form, labels for codes, if dirty."
    rng = np.random.default_rng(seed)
    day = lambda a: (np.datetime64("2015-01-01") + a).astype(str)
    at = rng.integers(0, 3000, n)
    dates = [day(at), day(at + 10), day(at + 400), day(at + 20)]
    if dirty:
        chinese = rng.random(n) < 0.2
        dates[0] = np.where(chinese, [f"{d[:4]}年{int(d[5:7])}月{int(d[8:])}日" for d in dates[0]], dates[0])
    counties = rng.choice([f"3401{i:02d}" for i in (11, 23, 21, 22)], n)
    columns = [[f"（2023）皖0123刑初{i}号" for i in range(n)], numbers(n, rng), [f"甲{i % 900}" for i in range(n)],
               rng.choice(["有罪" if dirty else "guilty", "guilty"], n), rng.choice(["fixed", "detention"], n), rng.integers(0, 10, n), rng.integers(0, 12, n),
               rng.choice(["是" if dirty else "true", "false"], n), rng.integers(0, 90, n) * 1000, dates[1], dates[2], rng.choice(["true", "false", ""], n),
               dates[0], dates[3], counties]
    head = [contract("criminal_judgments")[c].label.zh for c in COLUMNS]
    with open(path, "w", encoding="utf-8") as f:
        f.write(",".join(head) + "\n")
        f.writelines(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def main(n, dirty=True):
    with tempfile.TemporaryDirectory() as d:
        path = Path(d) / "judgments.csv"
        write(path, n, dirty)
        keys, me, peak, done = keyring(Path(d) / "keys" / "identity.key"), psutil.Process(), [0], threading.Event()

        def watch():
            while not done.wait(0.05): peak[0] = max(peak[0], me.memory_info().rss)

        before = me.memory_info().rss
        threading.Thread(target=watch, daemon=True).start()
        start = time.perf_counter()
        receipt = ingest("criminal_judgments", path, Path(d) / "lake", extract_date="2024-01-01", keys=keys)
        took = time.perf_counter() - start
        start = time.perf_counter()
        again = ingest("criminal_judgments", path, Path(d) / "lake", extract_date="2024-01-01", keys=keys)
        second = time.perf_counter() - start
        done.set()
    assert receipt.accepted == n and again.already
    print(f"{n:,} rows, {path.name} with {len(COLUMNS)} columns: {took:.1f} s, {n / took:,.0f} rows/s; the same file again {second:.2f} s; "
          f"memory before {before / 2**20:,.0f} MiB, peak {max(peak[0], 0) / 2**20:,.0f} MiB (process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f})")


if __name__ == "__main__": main(int(next((a for a in sys.argv[1:] if a.isdigit()), "1000000")), "--clean" not in sys.argv)
