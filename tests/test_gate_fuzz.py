"""A fuzzer that tries to smuggle an invented identifier or a small count through the gate, in every kind of file and every disguise. Seeded; bounded in time."""
import html
import json
import random
import struct
import time
import zlib
from urllib.parse import quote

import pytest
from stdnum.cn import uscc

from supervise_lib.publish.gate import Gate

NAMES = frozenset({"测试某甲", "试验某乙", "虚某构"})
SECONDS = 25


def digits(r, n): return "".join(r.choices("0123456789", k=n))


def day(r): return f"{r.randint(1930, 2020)}{r.randint(1, 12):02}{r.randint(1, 28):02}"


def credit(r):
    head = "91340100" + "".join(r.choices("0123456789ABCDEFGHJKLMNPQRTUWXY", k=9))
    return head + uscc.calc_check_digit(head)


def card(r):
    head = "62" + digits(r, 16)
    return next(head + d for d in "0123456789" if sum(sum(divmod(int(c) * (1 + i % 2), 10)) for i, c in enumerate(reversed(head + d))) % 10 == 0)


def born(r):
    d = day(r)
    return r.choice([f"{d[:4]}年{int(d[4:6])}月{int(d[6:])}日出生", f"出生日期：{d[:4]}-{d[4:6]}-{d[6:]}", f"born on {d[:4]}-{d[4:6]}-{d[6:]}"])


SECRETS = {
    "identity": lambda r: r.choice([f"3401{r.randint(1, 24):02}{day(r)}{digits(r, 3)}{r.choice('0123456789X')}", f"3401{r.randint(1, 24):02}{day(r)[2:]}{digits(r, 3)}"]),
    "credit": credit, "account": card, "born": born,
    "phone": lambda r: f"1{r.choice('3456789')}{digits(r, 9)}",
    "pseudonym": lambda r: r.choice("PW") + "".join(r.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=24)),
    "case": lambda r: r.choice([f"（20{r.randint(10, 24)}）皖{digits(r, 4)}刑初{r.randint(1, 999)}号", f"皖某检刑诉〔2023〕{r.randint(1, 999)}号"]),
    "lead": lambda r: f"{r.choice(['case_filing', 'shell_companies'])}-3401{r.randint(1, 24):02}-2023{r.randint(1, 12):02}{r.randint(1, 28):02}-{r.getrandbits(48):012x}",
    "name": lambda r: r.choice(sorted(NAMES)),
    "small": lambda r: r.choice(["命中{n}件", "共{n}人", "{n} children", "hits: {n}", "线索：{n}"]).format(n=r.randint(1, 4)),
}


def wide(r, s): return "".join(chr(ord(c) + 0xFEE0) if c in "0123456789" else c for c in s)


def gaps(r, s):
    at = set(r.sample(range(4, len(s) - 1), min(3, max(0, len(s) - 6)))) if len(s) > 8 else set()
    mark = r.choice([" ", "-", "  "])
    return "".join(mark + c if i in at and c.isdigit() and s[i - 1].isdigit() else c for i, c in enumerate(s))


def unseen(r, s): i = r.randrange(1, len(s)); return s[:i] + r.choice("\u200b\u200d\ufeff\u00ad") + s[i:]
def blank(r, s): return " ".join(s)


DISGUISES = {"identity": [wide, gaps, unseen], "credit": [unseen, wide], "account": [wide, gaps, unseen], "phone": [wide, gaps, unseen], "pseudonym": [unseen], "case": [wide, unseen], "lead": [wide, unseen], "born": [wide, unseen], "name": [blank, unseen], "small": [wide, unseen]}


def chunk(kind, body): return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(*chunks, after=b""):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b"") + after


def data_uri(png):
    import base64
    return base64.b64encode(png).decode()


def page(body): return f'<!doctype html><html lang="zh"><head><title>公布页</title></head><body><h1>公布页</h1>{body}</body></html>'.encode()
def notebook(output=None, **more):
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": ["x"], "outputs": [output] if output else []} | more
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def split(r, s): i = r.randrange(1, len(s)); return html.escape(s[:i]) + "<b>" + html.escape(s[i:]) + "</b>"


CARRIERS = {
    "text": lambda r, s: ("a.html", page(f"<p>见 {html.escape(s)} 。</p>")),
    "split by tags": lambda r, s: ("a.html", page(f"<p>{split(r, s)}</p>")),
    "entities": lambda r, s: ("a.html", page("<p>" + "".join(f"&#{ord(c)};" for c in s) + "</p>")),
    "table cell": lambda r, s: ("a.html", page(f"<table><tr><td class=n>{html.escape(s)}</td></tr></table>")),
    "title": lambda r, s: ("a.html", page("").replace("公布页".encode(), html.escape(s).encode(), 1)),
    "alt text": lambda r, s: ("a.html", page(f'<img src="x.png" alt="{html.escape(s)}">')),
    "comment": lambda r, s: ("a.html", page(f"<!-- {s} -->")),
    "link": lambda r, s: ("a.html", page(f'<a href="x.html?q={quote(s)}">x</a>')),
    "picture in a page": lambda r, s: ("a.html", page(f'<img alt="x" src="data:image/png;base64,{data_uri(picture(chunk(b"tEXt", b"Comment" + bytes(1) + s.encode())))}">')),
    "file name": lambda r, s: (f"figures/{s}.html", page("")),
    "svg metadata": lambda r, s: ("a.svg", f"<svg><metadata>{html.escape(s)}</metadata></svg>".encode()),
    "svg attribute": lambda r, s: ("a.svg", f'<svg><text aria-label="{html.escape(s)}">x</text></svg>'.encode()),
    "png text": lambda r, s: ("a.png", picture(chunk(b"tEXt", b"Comment\0" + s.encode()))),
    "png packed text": lambda r, s: ("a.png", picture(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(s.encode())))),
    "png international text": lambda r, s: ("a.png", picture(chunk(b"iTXt", b"Comment\0\1\0zh\0\0" + zlib.compress(s.encode())))),
    "png exif": lambda r, s: ("a.png", picture(chunk(b"eXIf", b"MM\0*" + s.encode("utf-8")))),
    "after a png": lambda r, s: ("a.png", picture(after=s.encode())),
    "notebook stream": lambda r, s: ("a.ipynb", notebook({"output_type": "stream", "name": "stdout", "text": ["看\n", s + "\n"]})),
    "notebook lines": lambda r, s: ("a.ipynb", notebook({"output_type": "stream", "name": "stdout", "text": [s[:3], s[3:]]})),
    "notebook table": lambda r, s: ("a.ipynb", notebook({"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": [f"<td>{html.escape(s)}</td>"], "text/plain": ["x"]}})),
    "notebook picture": lambda r, s: ("a.ipynb", notebook({"output_type": "display_data", "metadata": {}, "data": {"image/png": data_uri(picture(chunk(b"tEXt", b"Comment\0" + s.encode())))}})),
    "notebook alt text": lambda r, s: ("a.ipynb", notebook({"output_type": "display_data", "metadata": {"image/png": {"alt": s}}, "data": {"text/plain": ["x"]}})),
    "notebook source": lambda r, s: ("a.ipynb", notebook(source=[f"# {s}"])),
    "notebook metadata": lambda r, s: ("a.ipynb", notebook(metadata={"note": s})),
    "json value": lambda r, s: ("a.json", json.dumps({"a": [{"b": s}]}, ensure_ascii=r.random() < .5).encode()),
    "json key": lambda r, s: ("a.json", json.dumps({s: 1000}, ensure_ascii=r.random() < .5).encode()),
    "markdown": lambda r, s: ("a.md", f"# 标题\n\n| 甲 |\n| --- |\n| {s} |\n".encode()),
    "csv": lambda r, s: ("a.csv", f"a,b\nx,{s}\n".encode()),
    "script": lambda r, s: ("a.js", f"const x={json.dumps(s)};".encode()),
    "style": lambda r, s: ("a.css", f"/* {s} */".encode()),
}
NO_COUNTS = {"script", "style"}     # counts are not looked for there: a script's numbers are not counts


def test_nothing_gets_through():
    r, gate, begun, tried, through = random.Random(20231231), Gate(NAMES, threshold=5), time.monotonic(), 0, []
    ways = [(k, c) for k in SECRETS for c in CARRIERS if not (k == "small" and c in NO_COUNTS)]
    for turn in range(12):
        for kind, carrier in ways:
            if time.monotonic() - begun > SECONDS: break
            bare = SECRETS[kind](r)
            shown = bare if turn == 0 else r.choice(DISGUISES[kind])(r, bare) if r.random() < .7 else bare
            name, data = CARRIERS[carrier](r, shown)
            found = {f.kind for f in gate.findings({name: data})}; tried += 1
            if kind not in found: through.append(f"{kind} {shown!r} as {carrier}: found {found}")
    assert not through, f"{len(through)} of {tried} got through:\n" + "\n".join(through[:40])
    assert tried >= len(ways), f"only {tried} of {len(ways)} ways tried in {SECONDS} s"


CELLS = {
    "html": lambda n: ("a.html", page(f"<table><tr><th>x</th></tr><tr><td class=n>{n}</td></tr></table>")),
    "html in bold": lambda n: ("a.html", page(f"<table><tr><td><b>{n}</b></td></tr></table>")),
    "notebook": lambda n: ("a.ipynb", notebook({"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": [f"<td>{n}</td>"]}})),
    "json": lambda n: ("a.json", json.dumps({"outcomes": {"hit": n}}).encode()),
    "json list": lambda n: ("a.json", json.dumps([[n, 1000]]).encode()),
    "markdown": lambda n: ("a.md", f"| a | b |\n|---|---|\n| x | {n} |\n".encode()),
    "csv": lambda n: ("a.csv", f"a,b\nx,{n}\n".encode()),
}


@pytest.mark.parametrize("kind", CELLS)
def test_small_cells_are_seen_and_others_are_not(kind):
    for n in range(1, 25):
        name, data = CELLS[kind](n)
        for gate, k in ((Gate(threshold=5), 5), (Gate(threshold=5, minors=frozenset({name})), 10)):
            assert ("small" in {f.kind for f in gate.findings({name: data})}) == (n < k), (kind, n, k)


def test_ordinary_text_is_let_through():
    "Hashes, totals, law documents, code numbers of regions, times: no alarm in what a publication is made of."
    r, gate = random.Random(7), Gate(NAMES, threshold=5)
    law = ["高检发释字〔2019〕4号", "法释〔2021〕1号", "公通字〔2010〕23号", "《中华人民共和国刑事诉讼法》第91条第1款", "自2018年10月26日起施行", "3人以上共同犯罪", "2023-12-31", "合肥市 340100", "1.5%［0.9%, 2.4%］", "<5", "version 2.10.3"]
    for _ in range(300):
        text = "；".join([*r.sample(law, 4), f"共{r.randint(5, 99999):,}件", f"{r.getrandbits(256):064x}"])
        name, data = CARRIERS[r.choice(["text", "table cell", "notebook stream", "markdown", "svg metadata"])](r, text)
        assert not gate.findings({name: data}), text
