"""Makes the data directory that flows begin with (Daemon.prepared): template.py FOLDER. Cluster,
schema and keys are those of a first start and a first token, which flows/system, flows/verbs and
flows/seed_identity look at themselves."""
import os
import shutil
import subprocess
import sys

from rosterd import Daemon

# Of the run that made them: the next start writes them anew.
OF_THE_RUN = ("instance", "issuer", "socket-dir", "postgres.log")


def main(folder):
    daemon = Daemon()
    try:
        daemon.start()
        # An RSA key may take a slow build longer than the deadline of the first token's request.
        daemon.run("signing-key", "rotate")
        daemon.stop()
        with open(os.path.join(daemon.data, "socket-dir"), encoding="utf-8") as f:
            shutil.rmtree(f.read().strip(), ignore_errors=True)
        for name in OF_THE_RUN:
            os.unlink(os.path.join(daemon.data, name))
        # Processes are killed here, machines are not: what was written is in the kernel's hands.
        with open(os.path.join(daemon.data, "pg", "postgresql.conf"), "a", encoding="utf-8") as f:
            f.write("fsync = off\nfull_page_writes = off\n")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-a", daemon.data, folder], check=True)
    finally:
        daemon.remove()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: template.py FOLDER")
    main(sys.argv[1])
