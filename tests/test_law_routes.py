"What may follow each kind of document, at each level, as the table of the catalogue says."
import pandas as pd
import pyarrow as pa
import pytest

from supervise_lib.data.contracts import contract
from supervise_lib.law.routes import LEVELS, instrument_for, open_at, routes

STRING = pd.ArrowDtype(pa.string())
RETRIAL = ("retrial_suggestion", "protest_request", "protest")
TABLE = {   # document: at a county, at a prefecture, at the nation
    "judgment": (RETRIAL[:2], RETRIAL, ("retrial_suggestion", "protest")), "mediation_statement": (RETRIAL[:2], RETRIAL, ("retrial_suggestion", "protest")),
    "confirmation_ruling": (("suggestion_trial",),) * 3, "payment_order": (("suggestion_trial",),) * 3, "divorce_status": ((),) * 3,
    "commercial_award": (("suggestion_enforcement", "suggestion_social"),) * 3, "labour_award": (("suggestion_enforcement", "suggestion_social"),) * 3,
    "notarial_instrument": (("suggestion_enforcement", "suggestion_social"),) * 3, "enforcement_act": (("suggestion_enforcement",),) * 3, "company_registration": (("suggestion_administrative",),) * 3}

def col(*v): return pd.Series(v, dtype=STRING)

def test_the_table_is_whole(): assert set(routes()) == set(TABLE)

@pytest.mark.parametrize("document", TABLE)
def test_what_is_open(document): assert tuple(open_at(document, level) for level in ("county", "prefecture", "nation")) == TABLE[document]

@pytest.mark.parametrize("document", TABLE)
def test_only_lawsuits_are_retried_and_a_county_never_protests(document):
    retried = document in ("judgment", "mediation_statement")
    for level in LEVELS: assert bool(set(RETRIAL) & set(open_at(document, level))) == retried
    assert "protest" not in open_at(document, "county")

@pytest.mark.parametrize("document", TABLE)
def test_what_is_wanted_is_given_only_where_it_is_open(document):
    for level in LEVELS:
        for want in (*RETRIAL, "suggestion_trial", "suggestion_enforcement"):
            got = instrument_for(col(document), level, want).item()
            assert got == want if want in open_at(document, level) else pd.isna(got) if not open_at(document, level) else got == open_at(document, level)[0]

def test_rows_are_answered_one_by_one_and_an_unknown_document_gets_none():
    got = instrument_for(col("judgment", "judgment", None, "confirmation_ruling", "judgment"), col("county", "prefecture", "county", "county", None), "protest")
    assert got.fillna("none").tolist() == ["retrial_suggestion", "protest", "none", "suggestion_trial", "none"] and got.dtype == STRING

def test_unknown_words_are_refused():
    with pytest.raises(KeyError, match="is no document; known: judgment"): open_at("award", "county")
    with pytest.raises(KeyError, match="is no level; known: county"): open_at("judgment", "village")

def test_all_instruments_have_words():
    words = contract("supervision_documents").columns["document_kind"].values
    assert {i for r in routes().values() for i in (*r.may, *r.never)} <= set(words)
    assert all(r.law and r.article and not r.label.zh.isascii() and not r.falls.zh.isascii() for r in routes().values())
