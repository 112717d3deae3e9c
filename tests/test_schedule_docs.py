"""The program in docs/schedule.md works as it stands on the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "schedule.md"


def test_the_example_prints_what_it_scheduled(tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / "reminder.py"
    program.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program], env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\nstand up\n", "", 0)
