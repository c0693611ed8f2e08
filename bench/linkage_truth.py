"""Linkage against known truth, beside Splink's stock settings for the same set. Run: python bench/linkage_truth.py FOLDER [SET ...]
FOLDER holds the public test sets linkage_*.parquet and linkage_*.csv.gz; nothing of them is kept."""
import logging
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

from supervise_lib.data.linkage import link
from supervise_lib.data.linkage_compare import amount, choice_of, code, company_name, day, text, word
from supervise_lib.data.linkage_kinds import scheme


def febrl(folder, part):
    d = pd.read_csv(folder / f"linkage_febrl_dataset4{part}.csv.gz", dtype=str, skipinitialspace=True)
    d.columns = d.columns.str.strip(); d = d.apply(lambda c: c.str.strip().replace("", pd.NA))
    return d.assign(truth=d["rec_id"].str.extract(r"rec-(\d+)")[0], unique_id=d["rec_id"])


def payments(folder, part):
    return pd.read_parquet(folder / f"linkage_payments_{part}.parquet").assign(truth=lambda d: d["ground_truth"])


def load(name, folder):
    "Tables of a set, each with unique_id and truth."
    if name == "people": return [pd.read_parquet(folder / "linkage_historical_people.parquet").assign(truth=lambda d: d["cluster"])]
    if name == "febrl": return [febrl(folder, "a"), febrl(folder, "b")]
    if name == "fake": return [pd.read_csv(folder / "linkage_fake_1000.csv.gz").assign(truth=lambda d: d["cluster"])]
    if name == "payments": return [payments(folder, "origin"), payments(folder, "destination")]
    if name == "companies": return [pd.read_csv(folder / "linkage_company_names.csv.gz").assign(truth=lambda d: d["entity_id"], unique_id=lambda d: d["person_id"], spot=lambda d: d["lat"].where(d["lat"] != 0).round(1).astype("string"))]
    sites = pd.read_csv(folder / "linkage_sites_addresses.csv.gz", dtype=str)
    return [sites.assign(truth=sites["true_id"], unique_id=sites["id"], house=sites["address"].str.extract(r"^\s*(\d+)")[0])]


OURS = {
    "people": [word("first_name"), word("surname"), code("dob"), code("postcode_fake"), word("birth_place"), choice_of("gender"), word("occupation")],
    "febrl": [word("given_name"), word("surname"), code("date_of_birth"), code("soc_sec_id"), code("postcode"), word("address_1"), word("suburb"), code("street_number")],
    "fake": [word("first_name"), word("surname"), code("dob"), word("city"), word("email")],
    "payments": [text("memo"), amount("amount"), day("transaction_date", close=2, near=5)],
    "companies": scheme([company_name("name"), word("spot")], blocks=["company_body", "company_start"]),
    "sites": [text("site_name"), text("address"), code("house"), code("zip")],
}

_date = lambda column: cl.DateOfBirthComparison(column, input_is_string=True)
STOCK = {  # as in Splink's own tutorials
    "people": ([cl.ForenameSurnameComparison("first_name", "surname"), _date("dob"), cl.PostcodeComparison("postcode_fake"), cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
                cl.ExactMatch("occupation").configure(term_frequency_adjustments=True)],
               [block_on("substr(first_name,1,3)", "substr(surname,1,4)"), block_on("surname", "dob"), block_on("first_name", "dob"), block_on("postcode_fake", "first_name"), block_on("postcode_fake", "surname"),
                block_on("dob", "birth_place"), block_on("substr(postcode_fake,1,3)", "dob"), block_on("substr(postcode_fake,1,3)", "first_name"), block_on("substr(postcode_fake,1,3)", "surname")],
               [block_on("first_name", "surname"), block_on("dob")]),
    "febrl": ([cl.NameComparison("given_name"), cl.NameComparison("surname"), cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"), cl.DamerauLevenshteinAtThresholds("soc_sec_id"),
               cl.ExactMatch("street_number").configure(term_frequency_adjustments=True), cl.DamerauLevenshteinAtThresholds("postcode").configure(term_frequency_adjustments=True)],
              [block_on("given_name", "surname"), block_on("soc_sec_id"), block_on("date_of_birth"), block_on("postcode", "given_name"), block_on("postcode", "surname")], [block_on("date_of_birth"), block_on("surname")]),
    "fake": ([cl.NameComparison("first_name"), cl.NameComparison("surname"), _date("dob"), cl.ExactMatch("city").configure(term_frequency_adjustments=True), cl.EmailComparison("email")],
             [block_on("first_name", "city"), block_on("surname"), block_on("dob")], [block_on("first_name", "surname"), block_on("dob")]),
    "payments": ([cl.LevenshteinAtThresholds("memo", [2, 6, 10]), cl.ExactMatch("amount"), cl.AbsoluteDateDifferenceAtThresholds("transaction_date", input_is_string=False, metrics=["day", "day"], thresholds=[1, 7])],
                 [block_on("amount"), block_on("memo"), block_on("transaction_date", "substr(memo,1,6)")], [block_on("amount"), block_on("memo")]),
    "companies": ([cl.JaroWinklerAtThresholds("name", [0.95, 0.88]), cl.ExactMatch("spot")], [block_on("name"), block_on("substr(name,1,6)")], [block_on("substr(name,1,4)"), block_on("spot")]),
    "sites": ([cl.JaroWinklerAtThresholds("site_name", [0.95, 0.88]), cl.JaroWinklerAtThresholds("address", [0.95, 0.88]), cl.ExactMatch("zip")],
              [block_on("site_name"), block_on("address"), block_on("substr(address,1,8)")], [block_on("substr(address,1,8)"), block_on("site_name")]),
}


def together(label):
    "How many pairs a grouping puts together."
    n = pd.Series(label).value_counts().to_numpy(float); return float((n * (n - 1) / 2).sum())


def quality(clusters, truth, sides):
    "Precision, recall and F of the pairs that clusters put together; of two tables only pairs across."
    d = pd.DataFrame(dict(c=clusters, t=truth, s=sides)); d["ct"] = d["c"].astype(str) + "|" + d["t"].astype(str)
    count = lambda k: together(d[k]) - (sum(together(x) for x in (d.loc[d["s"] == s, k] for s in d["s"].unique())) if d["s"].nunique() > 1 else 0)
    right, said, true = count("ct"), count("c"), count("t")
    p, r = right / said if said else 1.0, right / true
    return p, r, 2 * p * r / (p + r) if p + r else 0.0


def ours(name, tables):
    start = time.perf_counter(); links = link(*tables, by=OURS[name], learn=False if name == "companies" else None, id="unique_id"); took = time.perf_counter() - start
    p, r, f = quality(links.clusters["cluster"].to_numpy(), pd.concat([t["truth"] for t in tables]).to_numpy(), links.clusters["side"].to_numpy())
    truth = [dict(zip(t["unique_id"], t["truth"], strict=True)) for t in tables]
    wait = links.pairs[links.pairs["verdict"] == "undecided"]; of = sum(truth[0][a] == truth[-1][b] for a, b in zip(wait["left"], wait["right"], strict=True))
    return dict(precision=p, recall=r, f=f, seconds=took, considered=links.considered, undecided=len(wait), undecided_true=of), links


def stock(name, tables, threshold=0.98):
    compares, blocks, sessions = STOCK[name]; start = time.perf_counter(); api = DuckDBAPI(); logging.getLogger("splink").setLevel(logging.CRITICAL)
    inputs = [api.register(t.drop(columns=["truth"]), dataset_display_name=f"t{i}") for i, t in enumerate(tables)]
    linker = Linker(inputs if len(tables) > 1 else inputs[0], SettingsCreator(link_type="link_only" if len(tables) > 1 else "dedupe_only", comparisons=compares, blocking_rules_to_generate_predictions=blocks), log_level=None)
    linker.training.estimate_probability_two_random_records_match(blocks[:2], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for s in sessions: linker.training.estimate_parameters_using_expectation_maximisation(s)
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    groups = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=threshold).as_pandas_dataframe()
    took = time.perf_counter() - start; source = "source_dataset" if len(tables) > 1 else None
    cluster = {((x[source] if source else "t0"), str(x["unique_id"])): x["cluster_id"] for x in groups.to_dict("records")}
    found = [cluster[f"t{i}", str(u)] for i, t in enumerate(tables) for u in t["unique_id"]]
    p, r, f = quality(found, pd.concat([t["truth"] for t in tables]).to_numpy(), np.repeat(range(len(tables)), list(map(len, tables))))
    return dict(precision=p, recall=r, f=f, seconds=took)


def main(folder, names):
    print(f"{'set':10} {'':6} {'precision':>9} {'recall':>7} {'F':>6} {'seconds':>8} {'compared':>9} {'undecided':>10} {'of them true':>12}")
    for name in names or OURS:
        tables = load(name, Path(folder))
        for who, d in (("ours", ours(name, tables)[0]), ("stock", stock(name, tables))):
            extra = f"{d['considered']:9,} {d['undecided']:10,} {d['undecided_true']:12,}" if who == "ours" else ""
            print(f"{name:10} {who:6} {d['precision']:9.4f} {d['recall']:7.4f} {d['f']:6.4f} {d['seconds']:8.1f} {extra}", flush=True)
    print(f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB")


if __name__ == "__main__": main(sys.argv[1], sys.argv[2:])
