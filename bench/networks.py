"""Time networks on 5 M edges: components, ties, communities, cycles; seconds and peak memory. Usage: python bench/networks.py [edges]"""
import resource, sys, threading, time
from pathlib import Path

import numpy as np, pyarrow as pa

from supervise_lib.stats.communities import communities
from supervise_lib.stats.cycles import cycles
from supervise_lib.stats.networks import LAYERS, components, hubs, ties, without

edges = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
rng = np.random.default_rng(7)


def now():
    "Resident memory in GB, where the system tells."
    status = Path("/proc/self/status")
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 2**20 if status.is_file() else float("nan")


def timed(what, f):
    "Seconds and the highest memory seen while `f` ran."
    peak, done = [now()], threading.Event()
    def watch():
        while not done.wait(.05): peak[0] = max(peak[0], now())
    threading.Thread(target=watch, daemon=True).start()
    start, cpu = time.perf_counter(), time.process_time(); out = f(); done.set()
    print(f"{what:58s} {time.perf_counter() - start:7.1f} s {time.process_time() - cpu:7.1f} s cpu  peak {max(peak[0], now()):5.2f} GB", flush=True)
    return out


def text(prefix, numbers): return pa.array(np.char.add(prefix, numbers.astype("U9")))


def links():
    "Companies in families of about eight that share values, and chance sharing on top; a few crowded addresses."
    firms = edges // 4; node = np.repeat(np.arange(firms), 4)[:edges]; layer = np.tile(np.arange(4), firms)[:edges]
    own = rng.random(len(node)) < .7; family = node // 8
    value = np.where(own, node * 4 + layer, np.where(rng.random(len(node)) < .8, 10 ** 8 + family * 4 + layer, 2 * 10 ** 8 + rng.integers(0, firms, len(node))))
    value = np.where(rng.random(len(node)) < .002, 3 * 10 ** 8 + rng.integers(0, 20, len(node)), value)
    return pa.table({"node": text("C", node), "layer": pa.array(np.array(list(LAYERS))[layer]), "value": text("V", value)})


def pairs(): # ties as they are where everybody shares something: families of fifty, and strangers
    firms = edges // 8; a = rng.integers(0, firms, edges); b = np.where(rng.random(edges) < .8, a // 50 * 50 + rng.integers(0, 50, edges), rng.integers(0, firms, edges))
    return pa.table({"a": text("C", a), "b": text("C", b), "weight": pa.array(rng.uniform(.3, 4, edges))})


def transfers():
    "A year of transfers of log-normal amounts between parties, one in five thousand the beginning of a planted circle of three."
    parties = edges // 5; t = dict(payer=rng.integers(0, parties, edges), payee=rng.integers(0, parties, edges), day=rng.integers(0, 365, edges), amount=np.exp(rng.normal(9, 1.5, edges)))
    k = np.flatnonzero(rng.random(edges - 2) < 1 / 5000); third = rng.integers(0, parties, len(k))
    t["payer"][k + 1], t["payee"][k + 1], t["payer"][k + 2], t["payee"][k + 2] = t["payee"][k], third, third, t["payer"][k]
    for i in (1, 2): t["day"][k + i], t["amount"][k + i] = t["day"][k] + i, t["amount"][k] * .97
    day = pa.array(np.datetime64("2023-01-01") + t["day"]).cast(pa.date32())
    return len(k), pa.table({"flow_id": text("F", np.arange(edges)), "payer": text("P", t["payer"]), "payee": text("P", t["payee"]), "day": day, "amount": pa.array(t["amount"])})


def sharing():
    given = timed(f"make {edges:,} links", links); gone = timed("hubs", lambda: hubs(given))
    kept = timed(f"without {len(gone)} hubs", lambda: without(given, gone))
    c = timed("components of the links", lambda: components(kept)); print(f"    {c.component.nunique():,} components, the largest of {c['size'].max():,} companies")
    t = timed("ties between companies", lambda: ties(kept)); print(f"    {t.num_rows:,} ties")


def families():
    p = timed(f"make {edges:,} ties", pairs)
    for runs in (1, 3):
        f = timed(f"communities, {runs} run{'s' * (runs > 1)}", lambda: communities(p, runs=runs)); print(f"    {f.community.nunique():,} communities")  # noqa: B023


def circles():
    planted, t = timed(f"make {edges:,} transfers", transfers)
    for longest in (3, 4, 5):
        f = timed(f"cycles up to {longest} within 10 days, amounts within 5 %", lambda: cycles(t, window=10, ratio=.95, longest=longest))  # noqa: B023
        print(f"    {len(f):,} cycles, {planted:,} planted")
    f = timed("cycles up to 4 within 30 days, amounts within 10 %", lambda: cycles(t, window=30, ratio=.9, longest=4)); print(f"    {len(f):,} cycles")


for part in (sharing, families, circles): part()
print(f"peak of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
