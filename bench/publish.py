"""Time publishing a site of 1,210 runs, then publishing again with nothing changed, then with one run changed.

The manifests are invented: ten specials (those of the package, and made-up names for the rest) for every region of the province, counts drawn for counties and summed upwards.
Targets: the first publication within minutes, the second writes no page.

Usage: python bench/publish.py [--specials 10] [--regions 340000] [--lang both] [--keep FOLDER]"""
import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np


def invented(special, title, rules, outputs, regions, chance, statistics=()):
    "Manifests of one special for every region, as runs would have left them."
    from supervise_lib.data.regions import region
    names, told = ("hit", "clear", "cannot_tell", "not_applicable"), {}
    parents = {region(c).parent for c in regions}
    for c in (c for c in regions if c not in parents):
        n = int(chance.gamma(1.2, 120))
        hits, unknown, none = (chance.binomial(n, p, len(rules)) for p in (.015, .08, .25))
        told[c] = np.column_stack([hits, np.maximum(n - hits - unknown - none, 0), unknown, none]); told[c][:, 1] += n - told[c].sum(1)
        told[c] = np.maximum(told[c], 0); told[c][:, 2] += n - told[c].sum(1)
    for c in sorted((c for c in regions if c in parents), reverse=True): told[c] = sum(told[x] for x in regions if region(x).parent == c)
    for c in sorted(told):
        folder = outputs / "runs" / special / c / "2023-12-31"; folder.mkdir(parents=True, exist_ok=True); n = int(told[c][0].sum())
        m = {"special": special, "title": title, "region": c, "region_name": region(c).name.to_dict(), "as_of": "2023-12-31", "rows": n, "unit": {"en": "row", "zh": "行"}, "outcomes": dict(zip(names, map(int, told[c].sum(0)), strict=True)), "leads": {"total": (most := int(told[c][:, 0].max())), "S3": most},
             "rules": {r: dict(zip(names, map(int, x), strict=True)) for r, x in zip(rules, told[c], strict=True)}, "not_delivered": []}
        (folder / "run.json").write_text(json.dumps(m, ensure_ascii=False), encoding="utf-8")
        estimates = [{"statistic": s, "measure": "share", "group": "all", "value": (v := float(chance.beta(3, 9))), "low": v * .7, "high": min(v * 1.3, 1), "n": n, "n_unknown": 0, "unit": "share", "flag": None} for s in statistics]
        (folder / "statistics.json").write_text(json.dumps(estimates), encoding="utf-8")


def province(outputs, specials, within_="340000", seed=2023):
    "Invented manifests of so many specials, the last of them invented too, for a region and all below it; the number of runs."
    from supervise_lib.data.regions import within
    from supervise_lib.model.special import special, special_names
    chance, regions, names = np.random.default_rng(seed), within(within_), special_names()
    for i in range(specials):
        if i < min(len(names), specials - 1): s = special(names[i]); invented(s.name, s.title.to_dict(), [r.id for r in s.rules], outputs, regions, chance, [x.id for x in s.statistics][:6])
        else: invented(f"topic_{i}", {"en": f"Invented topic no. {i}", "zh": f"虚构专项{'甲乙丙丁戊己庚辛'[i % 8]}"}, [f"TOPIC{i}_R{j:02}" for j in range(1, 13)], outputs, regions, chance)
    return specials * len(regions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specials", type=int, default=10); parser.add_argument("--regions", default="340000"); parser.add_argument("--lang", default="both"); parser.add_argument("--keep")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as d:
        from supervise_lib.publish.site import site
        outputs = Path(a.keep or d); n = province(outputs, a.specials, a.regions)
        names = frozenset(f"虚构{x}{y}" for x in "甲乙丙丁戊己庚辛壬癸" for y in "子丑寅卯辰巳午未申酉戌亥")
        print(f"{n} runs, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        def publish(what):
            begun, cpu = time.perf_counter(), time.process_time(); made = site(outputs, lang=a.lang, names=names)
            print(f"{what:28} {time.perf_counter() - begun:6.1f} s (processor {time.process_time() - cpu:.1f} s)   {made['pages']} pages, {made['changed']} files changed", flush=True)
        publish("first"); publish("again, nothing changed")
        run = next(iter(sorted(outputs.glob("runs/*/34??[!0]?/*/run.json")))); m = json.loads(run.read_text()); rule = next(iter(m["rules"].values())); rule["clear"] += 50; m["rows"] += 50
        for other in list(m["rules"].values())[1:]: other["clear"] += 50
        run.write_text(json.dumps(m, ensure_ascii=False)); publish("again, one run changed")
        pages = [p for p in (outputs / "site").rglob("*.html")]
        print(f"pages {sum(p.stat().st_size for p in pages) / 1e6:.1f} MB, the largest {max(p.stat().st_size for p in pages) / 1e3:.0f} kB, search {max(p.stat().st_size for p in (outputs / 'site').rglob('search-index.js')) / 1e6:.2f} MB")


if __name__ == "__main__": main()
