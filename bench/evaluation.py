"""How often evaluation tells counties apart that differ only by chance.

Every invented county has the same true precision, yield, adoption and effect, and its own number of opportunities. Printed: share of provinces with any remark on yield
(stated: 5 %), share of counties outside the 95 and 99.8 % limits (5, 0.2 %), share whose 90 % interval of the shrunk ratio excludes 1 (10 %), share called a trend (10 %),
and the share of counties of one true quality banded "developing" (5 %, whatever their size).

Usage: python bench/evaluation.py [--times 200] [--counties 104]"""
import argparse

import numpy as np
import pandas as pd

from supervise_lib.review.evaluation_facts import against_expected, trend
from supervise_lib.review.evaluation_procuratorates import score_procuratorate


def funnels(size, times, counties, rng):
    "Rates over many provinces whose counties expect `size` cases on average."
    e = rng.gamma(2, size / 2, (times, counties)).clip(.5)
    found = [against_expected(rng.poisson(x), x) for x in e]
    d = pd.concat(found); d = d[d["band"].notna()]
    return dict(expected=size, rated=len(d) / e.size, any_remark=np.mean([x["remark"].notna().any() for x in found]), outside95=(d["band"] != "common").mean(), outside998=(d["band"] == "review").mean(),
                interval_off_1=((d["low"] > 1) | (d["high"] < 1)).mean())


def bands(size, given, times, rng):
    "Bands of counties of one true quality: precision 0.7, yield as expected, adoption 0.9, effect as expected."
    out = []
    for i in range(times):
        told, due = rng.poisson(2 * size) + 1, rng.poisson(size) + 1
        out.append(score_procuratorate(dict(true=rng.binomial(told, .7), told=told, cases=rng.poisson(size), expected=float(size), adopted=rng.binomial(due, .9), due=due, effects=[(rng.poisson(size), float(size))]), given, seed=i))
    totals = [x["total"] for x in out]
    return dict(expected=size, given=given["C1"], mean_total=np.mean(totals), sd_total=np.std(totals), developing=np.mean([x["band"] == "developing" for x in out]),
                inside=np.mean([x["low"] <= np.mean(totals) <= x["high"] for x in out]), stable=np.mean([x["shares"].get(x["band"], 0) for x in out]))


def main():
    ask = argparse.ArgumentParser(); ask.add_argument("--times", type=int, default=200); ask.add_argument("--counties", type=int, default=104)
    a = ask.parse_args(); rng = np.random.default_rng(20231231)
    print(pd.DataFrame([funnels(s, a.times, a.counties, rng) for s in (3.5, 8, 30)]).round(4).to_string(index=False))
    changes = [trend((rng.poisson(s), float(s)), (rng.poisson(s), float(s)))["trend"] for s in (4, 9, 30) for _ in range(a.times * 5)]
    print(f"called a trend: {np.mean([x in ('up', 'down') for x in changes]):.4f}")
    print(pd.DataFrame([bands(s, dict.fromkeys(("C1", "C6", "C7", "C8"), g), a.times, rng) for s in (5, 10, 30) for g in (.4, .5, .7)]).round(3).to_string(index=False))


if __name__ == "__main__": main()
