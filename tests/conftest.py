import os
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    "The folder of shared reference data beside the checkout; tests that need it skip, saying so, where it is absent."
    folder = Path(os.environ.get("SUPERVISE_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir(): pytest.skip(f"shared data absent: {folder} is not a folder (set SUPERVISE_SHARED to use another)")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    "A small demo province, read only: `lake` and `folder` (deliveries and truth), with an identity key of its own."
    from supervise_lib.data.demo import build_demo
    from supervise_lib.data.lake import Lake
    base = tmp_path_factory.mktemp("province")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SUPERVISE_KEY_FILE", str(base / "identity.key"))
        lake = Lake(base / "lake")
        report = build_demo(lake, base / "delivered", scale=.05)
        lake.close()
    return SimpleNamespace(lake=base / "lake", folder=base / "delivered", key=base / "identity.key", report=report)


@pytest.fixture(scope="session")
def province(demo):
    "One run of judgment_consistency over the whole demo province."
    from supervise_lib.data.lake import Lake
    from supervise_lib.work.run import Run
    return Run("judgment_consistency", "340000", "2023-12-31", lake=Lake(demo.lake), lang="zh")


@pytest.fixture
def chinese():
    "Texts are in Chinese during a test and as they were afterwards, whatever language its runs ask for."
    from supervise_lib.text import in_lang
    with in_lang("zh"): yield
