import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    "The folder of shared reference data beside the checkout; tests that need it skip, saying so, where it is absent."
    folder = Path(os.environ.get("SUPERVISE_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir(): pytest.skip(f"shared data absent: {folder} is not a folder (set SUPERVISE_SHARED to use another)")
    return folder
