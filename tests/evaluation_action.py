"An invented action for tests of evaluation: leads, events, documents and runs of twelve counties."
import datetime as dt

import pandas as pd

YEAR, LAST = (dt.date(2023, 1, 1), dt.date(2023, 12, 31)), (dt.date(2022, 1, 1), dt.date(2022, 12, 31))
COUNTIES = ["340111", "340123", "340124", "340202", "340207", "340302", "340303", "340402", "340403", "340502", "340503", "340602"]


def action(cases, opportunities=None, due=20, adopted=15, rejected=3, year=2023):
    "The management tables of an invented action: so many cases per county, at one model."
    leads, events, docs = [], [], []
    def step(lead, *moves):
        for n, (start, to, day, reason) in enumerate(moves, 1): events.append((lead, n, start, to, pd.Timestamp(day), reason))
    for county, k in zip(COUNTIES, cases, strict=False):
        for i in range(k + rejected):
            lead = f"{county}-{i:03d}"
            leads.append({"lead_id": lead, "rule_id": "R1", "run_id": f"run-{county}", "region_code": county, "fact_key": f"F{lead}", "severity": "S3", "subject_key": f"S{i}", "owner_user": f"办案人{county[-2:]}", "stake_yuan": 1e6 * i, "screened_time": pd.Timestamp(f"{year}-02-01")})
            if i < k: step(lead, (None, "GEN", f"{year}-02-01", None), ("GEN", "PIN", f"{year}-02-10", None), ("PIN", "FIL", f"{year}-03-{i % 28 + 1:02d}", None), ("FIL", "TER", f"{year}-{i % 7 + 4:02d}-15", None))
            else: step(lead, (None, "GEN", f"{year}-02-01", None), ("GEN", "REJ", f"{year}-03-01", "lawful"))
        for i in range(due): docs.append({"doc_no": f"{county}{i}", "lead_id": f"{county}-000", "issue_date": dt.date(year, 5, 1), "reply_due_date": dt.date(year, 7, 1), "reply_date": dt.date(year, 6, 20), "is_adopted": i < adopted, "region_code": county, "proc_case_no": f"C{county}{i}"})
    runs = pd.DataFrame({"run_id": [f"run-{c}" for c in COUNTIES], "model_id": "M-1", "region_code": COUNTIES, "opportunity_count": opportunities or [100] * len(COUNTIES), "run_time": pd.Timestamp(f"{year}-02-01")})
    return {"leads": pd.DataFrame(leads), "lead_events": pd.DataFrame(events, columns=["lead_id", "event_seq", "from_status", "to_status", "transition_time", "reason_code"]),
            "supervision_documents": pd.DataFrame(docs), "model_runs": runs}

def said(subjects, **scores): return pd.DataFrame([{"subject": s, "code": c, "score": x} for s in subjects for c, x in scores.items()])
