"""A real browser without a window: what a page becomes in it, and what it looks like."""

import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
TIMEOUT = 120  # seconds; a safety net against hanging, not an expectation
_FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root has no other way
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def installed() -> str | None:
    """Where a browser is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """Opens pages.

    Args:
        program: The browser.
        profile: A folder of its own.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self._command = [program, *_FLAGS, f"--user-data-dir={profile}"]

    def document(self, url: str, *flags: str) -> str:
        """What the page is once its scripts have run and all it asks for has come, as HTML."""
        # Time that nobody waits for: what the page does in five seconds, it does at once.
        return self._run("--virtual-time-budget=5000", *flags, "--dump-dom", url)

    def picture(self, url: str, file: Path, width: int, height: int, *flags: str) -> bytes:
        """What the page looks like: a PNG."""
        self._run(f"--screenshot={file}", f"--window-size={width},{height}", *flags, url)
        return file.read_bytes()

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._command, *words], capture_output=True, timeout=TIMEOUT, check=True)
        return done.stdout.decode()
