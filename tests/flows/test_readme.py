"""The commands of README and the documents work as they stand: every sh block of a document, in
order, in one shell, in a fresh copy."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from rosterd import BINARY, SOURCE, alive, wait_for

LIMIT = 540


class Readme(unittest.TestCase):
    @staticmethod
    def blocks(document):
        with open(os.path.join(SOURCE, document), encoding="utf-8") as f:
            return re.findall(r"^```sh\n(.*?)^```", f.read(), re.M | re.S)

    @staticmethod
    def copy(to):
        """The files of the repository as they are now, without what was built."""
        names = subprocess.run(
            ["git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for name in names:
            if os.path.isfile(os.path.join(SOURCE, name)):
                os.makedirs(os.path.dirname(os.path.join(to, name)), exist_ok=True)
                shutil.copy2(os.path.join(SOURCE, name), os.path.join(to, name))

    def test_every_block_of_readme_runs(self):
        with open(BINARY, "rb") as f:
            if b"__tsan_init" in f.read():
                self.skipTest("README builds its own binary: once is enough")
        self.every_block_runs("README.md", built=False)

    def test_every_block_of_the_documents_runs(self):
        """They say that they need a build: the binary under test stands for it."""
        documents = [
            os.path.join("docs", name)
            for name in sorted(os.listdir(os.path.join(SOURCE, "docs")))
            if name.endswith(".md") and self.blocks(os.path.join("docs", name))
        ]
        self.assertIn("docs/identity.md", documents)
        for document in documents:
            with self.subTest(document=document):
                self.every_block_runs(document, built=True)

    def every_block_runs(self, document, built):
        blocks = self.blocks(document)
        self.assertGreaterEqual(len(blocks), 1)
        script = "set -eu\n" + "".join(
            "echo '--- block %d' >&2\n%s\n" % (n, block) for n, block in enumerate(blocks, 1)
        )
        with tempfile.TemporaryDirectory(prefix="readme-") as folder:
            os.chmod(folder, 0o755)
            self.copy(folder)
            if built:
                os.makedirs(os.path.join(folder, "build", "release"))
                shutil.copy2(BINARY, os.path.join(folder, "build", "release", "rosterd"))
            log = os.path.join(folder, "readme.log")
            status = self.run_script(script, folder, log)
            with open(log, encoding="utf-8", errors="replace") as f:
                self.assertEqual(status, 0, f.read()[-6000:])
            self.assertFalse(self.left_over(folder), document + " leaves files behind")

    def run_script(self, script, folder, log):
        with open(log, "w", encoding="utf-8") as out:
            shell = subprocess.Popen(
                ["sh", "-c", script],
                cwd=folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                return shell.wait(LIMIT)
            except subprocess.TimeoutExpired:
                return "still running after %d s" % LIMIT
            finally:
                self.end(shell.pid)

    @staticmethod
    def left_over(folder):
        """Files beside those of the repository: only what was built and the data directory."""
        allowed = {"build", "rosterd-data", "readme.log"}
        return sorted(set(os.listdir(folder)) - allowed - set(os.listdir(SOURCE)))

    @staticmethod
    def end(group):
        """Ends what the blocks left running: the process group is ours."""
        for signo in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(group, signo)
                wait_for(lambda: not members(group), 20, "README's processes are gone")
            except (ProcessLookupError, AssertionError):
                time.sleep(0.1)


def members(group):
    """The living processes of a process group."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.getpgid(int(name)) == group and alive(int(name)):
                found.append(int(name))
        except OSError:
            pass
    return found
