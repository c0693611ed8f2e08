"""Time the lake: write 1 M rows over 104 counties, upsert one county, read one county, a city and all. Usage: python bench/lake.py [rows]"""
import sys, tempfile, time

import numpy as np, pandas as pd

from supervise_lib.data.lake import Lake
from supervise_lib.data.regions import regions

rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
rng, codes = np.random.default_rng(7), [r.code for r in regions("county")]
frame = pd.DataFrame({
    "person_id_no": [f"{i:018d}" for i in range(rows)], "custody_kind": "detained",
    "valid_from": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, rows), "D"),
    "region_code": np.array(codes)[rng.integers(0, len(codes), rows)]})


def timed(what, f):
    start = time.perf_counter(); out = f()
    print(f"{what:45s} {time.perf_counter() - start:8.3f} s")
    return out


with tempfile.TemporaryDirectory() as folder:
    lake = Lake(folder)
    timed(f"write {rows:,} rows, {len(codes)} regions", lambda: lake.write("custody_periods", frame))
    timed("write the same again (nothing changes)", lambda: lake.write("custody_periods", frame))
    county = frame[frame.region_code == "340111"].assign(valid_to=pd.Timestamp("2025-01-01"))
    timed(f"upsert {len(county):,} rows of one county", lambda: lake.write("custody_periods", county, how="upsert"))
    lake = Lake(folder)
    timed("first table(): open DuckDB, one county", lambda: lake.table("custody_periods", "340111"))
    timed("snapshot hash of one county", lambda: lake.snapshot("custody_periods", "340111"))
    for region in ("340111", "340100", None):
        t = timed(f"table({region})", lambda: lake.table("custody_periods", region))  # noqa: B023
        timed(f"  count {lake.rows('custody_periods', region):,} rows", lambda: lake.fetch(t.count()))  # noqa: B023
        timed("  fetch all columns", lambda: lake.fetch(t))  # noqa: B023
