"""How fast are judgments read?  python bench/papers.py [--rows] [--civil] [--seconds 5]

Reads the judgments of ../shared/data where they are present, else one invented judgment, and prints judgments and characters a second
and the peak memory of the process. With --civil: invented civil papers of every kind.
"""
import argparse, gzip, json, os, resource, time
from pathlib import Path

from supervise_lib.data.demo_papers_civil import WRITERS, civil_paper
from supervise_lib.data.papers import read_judgment
from supervise_lib.data.papers_civil import read_civil
from supervise_lib.data.papers_civil_rows import civil_rows
from supervise_lib.data.papers_rows import judgment_rows

FILLER = "2018年9月1日20时许，被告人甲小某在某县某路某号门前，趁无人之机，窃得被害人乙某停放的电动车1辆，经鉴定价值人民币2059元，案发后已发还。"
INVENTED = f"""某省某县人民法院 刑事判决书 （2018）某0101刑初12号 公诉机关某县人民检察院。 被告人甲小某，男，1990年3月4日出生，汉族。因本案于2018年9月11日被刑事拘留，同月25日被逮捕。现羁押于某县看守所。 \
某县人民检察院以某检公刑诉〔2018〕9号起诉书指控被告人甲小某犯盗窃罪，于2018年12月2日向本院提起公诉。本院依法适用简易程序，公开开庭审理了本案。现已审理终结。 \
公诉机关指控，{FILLER * 6} 公诉机关认为，应当以盗窃罪追究其刑事责任，\
建议判处有期徒刑六个月至八个月，并处罚金。 经审理查明，{FILLER * 6} 本院认为，被告人甲小某的行为已构成盗窃罪。被告人甲小某如实供述自己的罪行，可以从轻处罚。\
公诉机关的量刑建议适当，予以采纳。依照《中华人民共和国刑法》第二百六十四条、第六十七条第三款之规定，判决如下： \
一、被告人甲小某犯盗窃罪，判处有期徒刑六个月，并处罚金人民币一千元。 （刑期从判决执行之日起计算。判决执行以前先行羁押的，羁押一日折抵刑期一日，即自2018年9月11日起至2019年3月10日止。） 二、追缴违法所得。 \
如不服本判决，可在接到判决书的第二日起十日内上诉。 审判员丁某 二〇一八年十二月二十日 书记员戊某"""


def texts():
    "The shared judgments, else an invented one a hundred times over."
    shared = Path(os.environ.get("SUPERVISE_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data" / "criminal_judgments_full.jsonl.gz"
    if not shared.exists(): return "invented", [INVENTED] * 100
    with gzip.open(shared, "rt", encoding="utf-8") as f: return "shared", [json.loads(line)["text"] for line in f]


def civil(): return "invented civil", [civil_paper(kind, i)[0] for i in range(30) for kind in WRITERS]


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--rows", action="store_true", help="also make the rows of the tables")
    a.add_argument("--civil", action="store_true", help="civil papers instead")
    a.add_argument("--seconds", type=float, default=5)
    a = a.parse_args()
    source, papers = civil() if a.civil else texts()
    read, to_rows = (read_civil, civil_rows) if a.civil else (read_judgment, judgment_rows)
    read(papers[0])                       # load the table of charges before the clock starts
    n = chars = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < a.seconds:
        j = read(papers[n % len(papers)])
        if a.rows: to_rows(j, "d", "340100")
        n, chars = n + 1, chars + len(papers[n % len(papers)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{source} papers: {n / spent:,.0f} a second, {chars / spent / 1e6:.2f} million characters a second, {chars / n:,.0f} characters each, peak memory {peak:.0f} MB")


if __name__ == "__main__": main()
