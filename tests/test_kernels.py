"The engine `supervise` against papermill's own: the same notebook comes out of both, and what dies is noticed and leaves nothing behind."
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from supervise_lib.work.kernels import own_warm
from supervise_lib.work.pool import ChildDied, Warm, WarmPool, can_fork, run_in_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="forking is not possible here; the stock engine is used")
SPEC = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}


def notebook(*cells):
    "A notebook of code cells given as text, or as (text, tags)."
    made = []
    for c in cells:
        source, tags = c if isinstance(c, tuple) else (c, [])
        made.append(new_code_cell(textwrap.dedent(source).strip(), metadata={"tags": tags} if tags else {}))
    return new_notebook(cells=made, metadata=SPEC)


def execute(folder, nb, engine="supervise", parameters=None, **kw):
    "What papermill writes, and what it raised."
    folder = Path(folder); folder.mkdir(exist_ok=True, parents=True)
    nbformat.write(nb, folder / "in.ipynb")
    raised = None
    try: papermill.execute_notebook(str(folder / "in.ipynb"), str(folder / "out.ipynb"), parameters or {}, engine_name=engine, progress_bar=False, cwd=kw.pop("cwd", str(folder)), **kw)
    except Exception as e: raised = e
    return nbformat.read(folder / "out.ipynb", 4), raised


def outputs(folder, *cells, **kw):
    "Outputs of the last cell."
    nb, raised = execute(folder, notebook(*cells), **kw)
    if raised: raise raised
    return nb.cells[-1].outputs


def text(outs): return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outs)


# ---- the same outputs as the stock engine

CELLS = {
    "print and value": "import sys\nprint('a'); print('b', file=sys.stderr); print('c'); {'k': 1}",
    "order of streams around a display": "from IPython.display import display\nprint(1); print(2, file=sys.stderr); display('x'); print(3)",
    "html and metadata": "from IPython.display import HTML, display, Markdown\ndisplay(HTML('<b>x</b>'), metadata={'text/html': {'isolated': True}}); Markdown('**y**')",
    "mime bundle": "display({'text/plain': 'p', 'application/json': {'a': [1, (2, 3)], '4': None}}, raw=True)",
    "display handle updated": "h = display('first', display_id='d1'); display('again', display_id='d1'); h.update('second')",
    "updated from a later cell": "h.update('third'); display('fourth', display_id='d1', update=True)",
    "clear output": "from IPython.display import clear_output\nprint('gone'); clear_output(); print('stays')",
    "clear output, wait": "print('gone'); clear_output(wait=True); print('stays')",
    "value of a table": "import pandas as pd\npd.DataFrame({'甲': [1, 2]})",
    "picture": "%matplotlib inline\nimport matplotlib.pyplot as plt\nfig = plt.figure(figsize=(1, 1)); plt.plot([1, 2]);",
    "picture, svg": "%config InlineBackend.figure_formats = ['svg']\nplt.rcParams['svg.hashsalt'] = 'x'\nplt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.title('甲')\nplt.rcParams['savefig.facecolor']",
    "magic of a line": "%precision 2\n3.14159",
    "magic of a cell": "%%capture out\nprint('caught')",
    "captured": "out.stdout",
    "time": "%%time\nprint('timed')",
    "writefile": "%%writefile note.txt\nhello",
    "shell": "!echo out; echo err >&2; exit 3",
    "exit code": "_exit_code",
    "shell into a variable": "lines = !printf 'a\\nb\\n'\nlines",
    "bash": "%%bash\necho from bash",
    "await": "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
    "task runs on between cells": "async def later():\n    await asyncio.sleep(0)\n    return 5\ntask = asyncio.ensure_future(later())",
    "task has run": "await task",
    "async for and with": "async def g():\n    for i in range(3): yield i\n[i async for i in g()]",
    "help": "len?",
    "source": "def f(x):\n    return x + 1\nf??",
    "history": "In[1], _ih[2][:6], _oh.get(1)",
    "last value": "7",
    "underscore": "_ + 1, __",
    "semicolon": "8;",
    "names": "__name__, sorted(n for n in dir() if n.startswith('__'))",
    "pickle of a class of the notebook": "import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))).__module__",
    "warning": "import warnings\nwarnings.warn('careful')",
    "logging": "import logging\nlogging.warning('logged'); logging.getLogger('x').info('not shown')",
    "thread prints": "import threading\nt = threading.Thread(target=lambda: print('from a thread')); t.start(); t.join()",
    "fork prints": "import multiprocessing as mp\np = mp.get_context('fork').Process(target=print, args=('from a fork',)); p.start(); p.join()\np.exitcode",
    "subprocess": "import subprocess\nsubprocess.run(['echo', 'captured'], capture_output=True, text=True).stdout",
    "environment": "import os\nos.environ['MPLBACKEND'], os.environ['PAGER'], os.environ['TERM'], 'SUPERVISE_TEST' in os.environ",
    "arguments": "len(sys.argv), os.path.basename(sys.argv[0]), sys.path[0]",
    "working directory": "os.path.basename(os.getcwd())",
    "ipython": "ip = get_ipython(); type(ip.kernel).__mro__[-6].__name__, ip.has_trait('kernel'), ip.execution_count",
    "tqdm": "from tqdm.auto import tqdm\ntqdm.__module__",
    "widget": "import ipywidgets\nw = ipywidgets.IntSlider(value=3, description='甲'); w",
    "widget moved": "w.value = 7; w.value",
    "output widget": "o = ipywidgets.Output()\ndisplay(o)\nwith o: print('inside')",
    "unicode": "print('汉字 ✓ \\x1b[31mred\\x1b[0m')",
    "carriage return": "print('10%\\r20%')",
    "much": "print('x' * 200_000)",
    "no newline": "print('a', end=''); sys.stdout.flush(); print('b', end='')",
    "not a number": "display({'application/json': {'v': 1.5}}, raw=True); float('nan')",
    "broken repr": ("class B:\n    def _repr_html_(self): raise ValueError('broken')\n    def __repr__(self): return 'B'\nB()", ["raises-exception"]),
    "empty": "",
    "comment": "# nothing",
    "pager of a magic": "%who_ls str",
    "run": "%run -i note.py",
    "input is refused": ("input('name?')", ["raises-exception"]),
    "password is refused": ("import getpass; getpass.getpass()", ["raises-exception"]),
    "error expected": ("def deep(n): return 1 / n if n == 0 else deep(n - 1)\nprint('before'); deep(2)", ["raises-exception"]),
    "syntax error": ("x = = 1", ["raises-exception"]),
    "indentation error": ("if True:\nx = 1", ["raises-exception"]),
    "chained": ("try: {}['k']\nexcept KeyError as e: raise RuntimeError('two') from e", ["raises-exception"]),
    "exception group": ("raise ExceptionGroup('g', [ValueError(1), TypeError(2)])", ["raises-exception"]),
    "unknown name in a magic": ("%no_such_magic", ["raises-exception"]),
    "keyboard interrupt": ("raise KeyboardInterrupt", ["raises-exception"]),
    "await fails": ("async def bad(): raise ValueError('async')\nawait bad()", ["raises-exception"]),
    "quiet": ("raise ValueError('x' * 10)", ["raises-exception"]),
    "skipped": ("print('never')", ["skip-execution"]),
    "postmortem": "sys.last_type.__name__",
    "interactivity": "get_ipython().ast_node_interactivity = 'all'\n1\n2",
}


def rejoined(outputs):
    "Neighbouring pieces of one stream as one: into how many messages a kernel cuts what is printed is a matter of its timer."
    whole = []
    for o in outputs:
        last = whole[-1] if whole else None
        if isinstance(o, dict) and isinstance(last, dict) and o.get("output_type") == last.get("output_type") == "stream" and o["name"] == last["name"]: whole[-1] = last | {"text": last["text"] + o["text"]}
        else: whole.append(o)
    return whole


def plain(value):
    "A cell or notebook with what may differ between two executions taken out."
    if isinstance(value, dict):
        drop = {"id", "model_id", "start_time", "end_time", "duration", "execution", "version", "input_path", "output_path", "iopub.execute_input"}
        return {re.sub(r"[0-9a-f]{32}", "ID", k): plain(v) for k, v in value.items() if k not in drop}
    if isinstance(value, list): return [plain(v) for v in rejoined(value)]
    if isinstance(value, str):
        for pattern, to in ((r"[0-9a-f]{32}", "ID"), (r"0x[0-9a-f]+", "0x"), (r"ipykernel_\d+/\d+", "ipykernel"), (r"(CPU times|Wall time).*", r"\1"), (r"<dc:date>.*", "")):
            value = re.sub(pattern, to, value)
    return value


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    "The long notebook executed by both engines."
    nb = notebook(*CELLS.values()); nb.cells.insert(0, new_markdown_cell("# 标题"))
    found = {}
    for engine in ("nbclient", "supervise"):
        folder = tmp_path_factory.mktemp("same") / "work"; folder.mkdir()
        (folder / "note.py").write_text("print('run', 1)\n")
        found[engine], raised = execute(folder, nb, engine, {"injected": [1, "甲"]})
        found[engine].cells = [c for c in found[engine].cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
        assert found[engine].cells[-1].metadata.papermill.status == "completed", raised
    return found


@pytest.mark.parametrize("number", range(len(CELLS)), ids=list(CELLS))
def test_same_cell(both, number):
    stock, ours = (json.loads(json.dumps(plain(nb.cells[number + 2]))) for nb in (both["nbclient"], both["supervise"]))
    assert ours == stock


def test_same_metadata(both):
    "Widget state, language, parameters; papermill's keys on every cell."
    def split(nb):
        data = json.loads(json.dumps(nb.metadata)); states = data.pop("widgets")["application/vnd.jupyter.widget-state+json"]["state"].values()
        return plain(data), sorted(re.sub("[0-9a-f]{32}", "ID", json.dumps(s, sort_keys=True)) for s in states)
    stock, ours = split(both["nbclient"]), split(both["supervise"])
    assert ours == stock and any("IntSliderModel" in s and '"value": 7' in s for s in ours[1])
    assert plain(both["supervise"].cells[0]) == plain(both["nbclient"].cells[0]) and "injected = [1" in both["supervise"].cells[0].source
    assert all(c.metadata.papermill.keys() == d.metadata.papermill.keys() for c, d in zip(both["supervise"].cells, both["nbclient"].cells, strict=True))


def test_library_loaded_beforehand_knows_that_it_is_in_a_notebook(tmp_path):
    "pandas decides at its import how many columns it shows; the second notebook gets it from the warm process, whatever was imported before."
    wide = notebook("import pandas as pd", "pd.DataFrame({f'column {i} 列': ['长' * 12] for i in range(24)})", "pd.reset_option('display.max_columns'); pd.get_option('display.max_columns')")
    first, _ = execute(tmp_path / "a", wide); ours, _ = execute(tmp_path / "b", wide); stock, _ = execute(tmp_path / "c", wide, "nbclient")
    assert plain(first.cells) == plain(ours.cells) == plain(stock.cells) and ours.cells[-1].outputs[0].data["text/plain"] == "20"


def test_failing_notebook_is_written_alike(tmp_path):
    nb = notebook("x = 1", "raise ValueError('甲')", "print('never')")
    (stock, why), (ours, why2) = execute(tmp_path / "a", nb, "nbclient"), execute(tmp_path / "b", nb)
    assert (type(why2), why2.ename, why2.evalue, why2.cell_index) == (type(why), why.ename, why.evalue, why.cell_index)
    assert plain(ours.cells) == plain(stock.cells) and plain(dict(ours.metadata)) == plain(dict(stock.metadata))
    assert [c.metadata.papermill.status for c in ours.cells if c.cell_type == "code"] == ["completed", "failed", "pending"]


TEMPLATES = sorted((Path(__file__).resolve().parents[1] / "templates").glob("*.ipynb"))


@pytest.fixture(scope="module")
def whole_lake(tmp_path_factory):
    "A small demo lake with the tables of all specials."
    from supervise_lib.data.demo import build_demo
    from supervise_lib.data.lake import Lake
    base = tmp_path_factory.mktemp("whole")
    lake = Lake(base / "lake")
    with pytest.MonkeyPatch.context() as m: m.setenv("SUPERVISE_KEY_FILE", str(base / "key")); build_demo(lake, base / "demo", .05)
    lake.close()
    return base / "lake"


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES, ids=[t.stem for t in TEMPLATES])
def test_same_template(tmp_path, monkeypatch, whole_lake, template):
    "Each template on a small demo lake: every cell alike from both engines."
    monkeypatch.setenv("SUPERVISE_LAKE", str(whole_lake)); monkeypatch.setenv("SUPERVISE_OUTPUTS", str(tmp_path / "outputs"))
    given, found = {"region": "340100", "as_of": "2023-12-31", "lang": "zh"}, {}
    for engine in ("nbclient", "supervise"):
        nb = papermill.execute_notebook(str(template), None, given, engine_name=engine, progress_bar=False)
        found[engine] = json.loads(json.dumps(plain(json.loads(json.dumps(nb.cells)))))
    for ours, stock in zip(found["supervise"], found["nbclient"], strict=True): assert ours == stock     # a cell at a time: the whole notebook's difference is too long to read
    assert any(c.get("outputs") for c in found["supervise"])


# ---- what C libraries print, and files left open

def test_output_of_c_libraries_is_in_its_cell(tmp_path):
    nb, _ = execute(tmp_path, notebook("import ctypes, os, sys, subprocess; libc = ctypes.CDLL(None)", "libc.puts(b'from C'); os.write(2, b'raw\\n'); subprocess.run(['echo', 'child']); None", "print('next')"))
    assert sorted(o.text for o in nb.cells[1].outputs) == ["from C\nchild\n", "raw\n"] or text(nb.cells[1].outputs).count("from C") == 1
    assert text(nb.cells[2].outputs) == "next\n"


def test_files_left_open_are_complete(tmp_path):
    execute(tmp_path, notebook("f = open('left.txt', 'w'); f.write('complete'); import atexit; atexit.register(lambda: open('end.txt', 'w').write('ran')); None",
                               "import tempfile; d = tempfile.TemporaryDirectory(); open('where.txt', 'w').write(d.name); None"))
    assert (tmp_path / "left.txt").read_text() == "complete" and (tmp_path / "end.txt").read_text() == "ran"
    assert not Path((tmp_path / "where.txt").read_text()).exists()


# ---- papermill's own features

def test_stdout_and_stderr_files(tmp_path):
    with open(tmp_path / "o", "w") as o, open(tmp_path / "e", "w") as e:
        execute(tmp_path, notebook("import sys; print('out'); print('err', file=sys.stderr)"), stdout_file=o, stderr_file=e)
    assert ((tmp_path / "o").read_text(), (tmp_path / "e").read_text()) == ("out\n", "err\n")


def test_log_output_prepare_only_report_mode(tmp_path, caplog):
    with caplog.at_level("INFO", logger="papermill"): execute(tmp_path, notebook("print('logged line')"), log_output=True)
    assert "logged line" in caplog.text
    nb, _ = execute(tmp_path, notebook("print(1)"), prepare_only=True)
    assert nb.cells[0].outputs == []
    nb, _ = execute(tmp_path, notebook("print(1)"), report_mode=True)
    assert nb.cells[0].metadata.jupyter.source_hidden is True and text(nb.cells[0].outputs) == "1\n"


def test_the_notebook_is_saved_while_a_cell_works(tmp_path):
    source = ("import time, pathlib\nprint('early', flush=True)\nfor _ in range(200):\n    time.sleep(.05); print('.', end='', flush=True)\n"
              "    if 'early' in pathlib.Path('out.ipynb').read_text().split('\"outputs\"')[1]: break\nelse: raise RuntimeError('never saved')")
    assert execute(tmp_path, notebook(source), autosave_cell_every=1)[1] is None


def test_command_line(tmp_path):
    nbformat.write(notebook(("x = 1", ["parameters"]), "x + 1"), tmp_path / "in.ipynb")
    done = subprocess.run([sys.executable, "-m", "papermill", "--engine", "supervise", "in.ipynb", "out.ipynb", "-p", "x", "41"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert text(nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs) == "42"
    assert "Executing: 100%" in done.stderr and done.stderr.count("WARNING") == 0


def test_other_kernels_and_systems_go_to_the_stock_engine(tmp_path, monkeypatch, caplog):
    from supervise_lib.work import kernels
    kernels._warn_once.cache_clear(); monkeypatch.setattr(kernels, "can_fork", lambda: False)
    called = []
    monkeypatch.setattr("papermill.engines.NBClientEngine.execute_managed_notebook", classmethod(lambda cls, man, name, **kw: called.append(name)))
    for _ in range(2): execute(tmp_path, notebook("1"))
    assert called == ["python3", "python3"] and caplog.text.count("papermill's own engine is used") == 1
    monkeypatch.setattr(kernels, "can_fork", lambda: True)
    execute(tmp_path, notebook("1"), kernel_name="no_such_kernel")
    assert called[2:] == ["no_such_kernel"]


# ---- nothing of the notebook before

LEAVE = """
import os, random, sys, numpy, duckdb, matplotlib, matplotlib.pyplot as plt
left = 1; os.environ['LEFT'] = '1'; os.mkdir('sub') if not os.path.isdir('sub') else None; os.chdir('sub')
random.seed(1); numpy.random.seed(1); duckdb.sql('create table left_behind as select 1'); plt.figure(); matplotlib.rcParams['font.size'] = 33
f = open('open.txt', 'w'); sys.modules['left_module'] = sys; sys.path.insert(0, '/left')
from supervise_lib.text import set_lang; set_lang('en')
import warnings, signal, builtins; warnings.simplefilter('error'); builtins.left = 1; signal.signal(signal.SIGUSR1, lambda *_: None)
"""
FOUND = """
import os, random, sys, numpy, duckdb, matplotlib, matplotlib.pyplot as plt, signal, builtins, json, warnings
from supervise_lib.text import get_lang
files = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]
print(json.dumps([['left' in globals(), os.environ.get('LEFT'), os.path.basename(os.getcwd()), duckdb.sql("select count(*) from duckdb_tables()").fetchall()[0][0], plt.get_fignums(),
 matplotlib.rcParams['font.size'], [f for f in files if f.endswith(('.txt', '.ipynb'))], 'left_module' in sys.modules, '/left' in sys.path, get_lang(), hasattr(builtins, 'left'),
 signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL, ('error', None, Warning, None, 0) in warnings.filters], [random.random(), numpy.random.rand()]]))
"""
NOTHING = [False, None, "{}", 0, [], 10.0, [], False, False, "zh", False, True, False]


def job(folder, *cells, **kw):
    "A notebook executed in a fork by the fork's own engine, as a batch does; its text, or the error's name."
    nb, raised = execute(folder, notebook(*cells), **kw)
    return type(raised).__name__ if raised else text(nb.cells[-1].outputs)


@pytest.fixture(scope="module")
def pool():
    with WarmPool(2, ["numpy", "duckdb", "matplotlib.pyplot", "supervise_lib.text", "supervise_lib.work.shell", "supervise_lib.work.kernels", "papermill"]) as pool: yield pool


def test_nothing_is_inherited(tmp_path, pool):
    runs = [lambda *cells: text(outputs(tmp_path / "x", *cells)), lambda *cells: pool.submit(job, tmp_path / "y", *cells, timeout=60).result()]
    for run, name in zip(runs, "xy", strict=True):
        seen = []
        for _ in range(2): run(LEAVE); seen.append(json.loads(run(FOUND)))
        nothing = [name if v == "{}" else v for v in NOTHING]
        assert [s[0] for s in seen] == [nothing, nothing]
        assert seen[0][1] != seen[1][1] and seen[0][1][0] != seen[1][1][0] and seen[0][1][1] != seen[1][1][1]


def test_environment_and_directory_are_those_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISE_TEST", "甲"); monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert "甲" in text(outputs(tmp_path, "import os, time; os.environ['SUPERVISE_TEST'], time.tzname, os.getcwd()")) and own_warm().alive()
    assert "CST" in text(outputs(tmp_path, "import time; time.tzname"))


# ---- what dies, hangs, or finds no room

def alive(pid):
    try: return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError: return False


def gone(pids, seconds=8):
    "Wait for processes to end; those that did not."
    end = time.monotonic() + seconds
    while (left := [p for p in pids if alive(p)]) and time.monotonic() < end: time.sleep(.02)
    return left


def wait_for(path, seconds=30):
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(.02)
    return path.read_text()


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)", "os.abort()"])
def test_a_dead_kernel_is_noticed_at_once(tmp_path, end):
    nb, raised = execute(tmp_path, notebook("1", f"import os, time; print('said', flush=True); open('when', 'w').write(str(time.time())); {end}", "'never'"))
    late = time.time() - float((tmp_path / "when").read_text())
    assert isinstance(raised, DeadKernelError) and str(raised) == "Kernel died" and late < .8
    assert "said" in text(nb.cells[1].outputs) and nb.cells[2].metadata.papermill.status != "running" and nb.cells[2].outputs == []


def test_a_dead_kernel_in_a_job(tmp_path, pool):
    assert pool.submit(job, tmp_path, "import os; os.kill(os.getpid(), 9)", timeout=60).result() == "DeadKernelError"
    assert pool.submit(job, tmp_path, "'still works'", timeout=60).result() == "'still works'"


def test_a_subprocess_that_holds_on_does_not_hide_the_death(tmp_path):
    cell = "import multiprocessing, os, time\nmultiprocessing.get_context('fork').Process(target=time.sleep, args=(60,)).start(); os.kill(os.getpid(), 9)"
    began = time.monotonic()
    assert isinstance(execute(tmp_path, notebook(cell))[1], DeadKernelError) and time.monotonic() - began < 10


@pytest.mark.parametrize("hang", ["import time; time.sleep(60)", "import ctypes; ctypes.CDLL(None).sleep(60)", "while True: pass", "import asyncio; await asyncio.sleep(60)"])
def test_a_hanging_cell_times_out(tmp_path, hang):
    began = time.monotonic()
    nb, raised = execute(tmp_path, notebook("import os; open('pid', 'w').write(f'{os.getpid()}\\n'); None", "print('so far', flush=True)\n" + hang), execution_timeout=1)
    assert isinstance(raised, CellTimeoutError) and time.monotonic() - began < 12 and "so far" in text(nb.cells[1].outputs)
    assert not gone([int((tmp_path / "pid").read_text())], 2)


@pytest.mark.parametrize("hang", ["import time\ntime.sleep(60)", "import asyncio\nawait asyncio.sleep(60)", "for i in range(10 ** 9): print(i % 7, end='', flush=i % 1000 == 0)"])
def test_an_interrupted_cell_raises_in_the_notebook(tmp_path, hang):
    nb, raised = execute(tmp_path, notebook((hang, ["raises-exception"]), "'went on'"), execution_timeout=1, interrupt_on_timeout=True)
    code = [c for c in nb.cells if c.cell_type == "code"]
    assert code[0].outputs[-1].ename in ("KeyboardInterrupt", "CancelledError") and text(code[1].outputs) == "'went on'"


CLIENT = {
    "engine": "import papermill, sys; papermill.execute_notebook('in.ipynb', 'out.ipynb', engine_name='supervise', progress_bar=False)",
    "pool": "import papermill, sys\nfrom supervise_lib.work.pool import WarmPool\n"
            "with WarmPool(2, ['papermill']) as pool: pool.submit(papermill.execute_notebook, 'in.ipynb', 'out.ipynb', None, 'supervise', True, False, False, timeout=100).result()",
}


def start_client(folder, how, cell):
    nbformat.write(notebook(cell), folder / "in.ipynb")
    return subprocess.Popen([sys.executable, "-c", CLIENT[how]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def family(pid):
    "All processes below one."
    kids = [int(k) for t in Path(f"/proc/{pid}/task").iterdir() for k in (t / "children").read_text().split()]
    return kids + [g for k in kids for g in family(k)]


SLEEPING = "import os, subprocess, time; subprocess.Popen(['sleep', '50']); open('pid', 'w').write(f'{os.getpid()}\\n'); time.sleep(50)"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill", "ctrl-c", "term"])
@pytest.mark.parametrize("how", list(CLIENT))
def test_nothing_outlives_the_command(tmp_path, how, number):
    client = start_client(tmp_path, how, SLEEPING)
    kernel = int(wait_for(tmp_path / "pid")); below = family(client.pid)
    assert kernel in below and len(below) >= 3      # the warm process, the kernel and what it started
    client.send_signal(number); client.wait(15)
    assert not gone(below)


def test_a_killed_warm_process_is_replaced(tmp_path):
    assert text(outputs(tmp_path, "'one'")) == "'one'"
    before = own_warm().pid
    os.kill(before, signal.SIGKILL); own_warm()._process.wait(5)
    assert text(outputs(tmp_path, "'two'")) == "'two'" and own_warm().pid != before


def test_the_kernel_dies_with_its_warm_process(tmp_path):
    nb, raised = execute(tmp_path, notebook("import os; os.kill(os.getppid(), 9); import time; time.sleep(30)"))
    assert isinstance(raised, DeadKernelError)


def test_no_room_on_the_disk(tmp_path):
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); " + CLIENT["engine"]
    nbformat.write(notebook("import os; open('pid', 'w').write(f'{os.getpid()}\\n'); print('x' * 50_000)"), tmp_path / "in.ipynb")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "File too large" in done.stderr and not gone([int((tmp_path / "pid").read_text())])


# ---- the warm process

def test_one_thread_when_forking():
    with Warm() as warm:
        assert run_in_fork(warm, abs, -1) == 1
        assert len(os.listdir(f"/proc/{warm.pid}/task")) == 1
        modules = run_in_fork(warm, loaded)
        assert {"pandas", "pyarrow", "duckdb", "ibis", "matplotlib.pyplot", "statsmodels.api"} <= set(modules)


def loaded(): return list(sys.modules)


def with_thread(folder):
    import io
    import logging
    import threading
    said = io.StringIO(); logging.getLogger().addHandler(logging.StreamHandler(said))
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return job(folder, "1 + 1"), said.getvalue()


def test_a_job_with_threads_does_not_fork(tmp_path, pool):
    value, said = pool.submit(with_thread, tmp_path, timeout=60).result()
    assert value == "2" and "2 threads are running" in said


def noise(): import random; import numpy; return random.random(), numpy.random.rand()
def fail(): raise KeyError("甲")
def where(): return os.getcwd(), os.environ.get("SUPERVISE_TEST"), os.environ.get("OMP_NUM_THREADS")
def unsendable(): return lambda: 1
def big(n): return b"x" * n


def test_run_in_fork(pool, tmp_path, monkeypatch):
    warm = pool.warm
    assert not set(run_in_fork(warm, noise)) & set(run_in_fork(warm, noise))
    monkeypatch.chdir(tmp_path); monkeypatch.setenv("SUPERVISE_TEST", "1")
    assert run_in_fork(warm, where) == (str(tmp_path), "1", "1")
    assert len(run_in_fork(warm, big, 5_000_000)) == 5_000_000
    with pytest.raises(KeyError, match="甲") as e: run_in_fork(warm, fail)
    assert "in fail" in e.value.__notes__[0]
    with pytest.raises(RuntimeError, match="cannot be sent"): run_in_fork(warm, unsendable)
    with pytest.raises(TimeoutError): run_in_fork(warm, time.sleep, 30, timeout=.2)
    with pytest.raises(ChildDied, match="SIGKILL"): run_in_fork(warm, os.kill, 0, 9)
    assert [f.result() for f in [pool.submit(pow, 2, n) for n in range(8)]] == [2 ** n for n in range(8)]


def test_the_warm_process_does_not_grow(pool):
    def state(): return len(os.listdir(f"/proc/{pool.warm.pid}/fd")), int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pool.warm.pid}/status").read_text())[1])
    for _ in range(20): run_in_fork(pool.warm, abs, 1)
    files, memory = state()
    for _ in range(150): run_in_fork(pool.warm, abs, 1)
    time.sleep(.2)
    assert state()[0] <= files and state()[1] - memory < 500      # kB


def test_closing_the_pool_ends_what_runs():
    warm = Warm([])
    with pytest.raises(KeyboardInterrupt):
        with WarmPool(2, []) as pool:
            futures = [pool.submit(time.sleep, 60) for _ in range(4)]
            end = time.monotonic() + 30
            while len(below := family(pool.warm.pid)) < 2 and time.monotonic() < end: time.sleep(.05)
            raise KeyboardInterrupt
    assert len(below) == 2 and not gone([*below, pool.warm.pid]) and all(f.cancelled() or isinstance(f.exception(), ChildDied) for f in futures)
    warm.close()
