"""The programs we are measured beside, each in an environment of its own under .bench/."""

import json
import subprocess
import sys
import venv
from pathlib import Path

SCRIPT = """\
import sys

from openai import OpenAI

client = OpenAI()
messages = [{"role": "user", "content": sys.argv[2]}]
for chunk in client.chat.completions.create(model=sys.argv[1], messages=messages, stream=True):
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
print()
"""


def environment(root: Path, name: str, *packages: str) -> Path:
    """Return the folder of a peer's programs, installed on first use."""
    folder = root / name
    programs = folder / "bin"
    stamp = folder / ".installed"
    if not stamp.exists():
        print(f"installing {name} into {folder} (once)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq", *packages]
        subprocess.run(pip, check=True)
        stamp.touch()
    return programs


def version(programs: Path, package: str) -> str:
    """Return the version of a package in the environment that the programs belong to."""
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    done = subprocess.run([programs / "python", "-c", code, package], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write_llm_settings(folder: Path, base_url: str, models: list[str]) -> None:
    """Tell llm about the loopback server, and give it a template to list."""
    templates = folder / "templates"
    templates.mkdir(parents=True, exist_ok=True)
    rows = [{"model_id": model, "model_name": model, "api_base": base_url, "api_key_name": "bench"} for model in models]
    # JSON is YAML, and needs no library here.
    (folder / "extra-openai-models.yaml").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "keys.json").write_text('{"bench": "none"}', encoding="utf-8")
    for name in ("summarize", "review", "translate", "explain", "commit"):
        (templates / f"{name}.yaml").write_text("prompt: 'Do it: $input'\n", encoding="utf-8")
