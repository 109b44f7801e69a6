"""Clusters of the tests' own, each below a directory that goes away with it."""

import contextlib
import glob
import os
import pathlib
import subprocess
import tempfile

from session import Session, rows_of_numbers

(BIN,) = glob.glob("/usr/lib/postgresql/*/bin")
TRAIN = "SELECT pgml.train('kept', 'regression', 'public.kept', 'y', 'ridge')"
PREDICTION = "SELECT pgml.predict('kept', ARRAY[0.5, 0.5, 0.5, 0.5])"


def run(*command):
    """Run a program that must succeed."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-500:]} {done.stderr[-500:]}"


class Server:
    """A cluster below a directory, reached by its socket there."""

    def __init__(self, directory, name, port):
        """Name it; nothing is made yet."""
        self.directory = directory
        self.data = f"{directory}/{name}"
        self.port = port

    def create(self, *settings):
        """Make the cluster and start it."""
        run(f"{BIN}/initdb", "--no-sync", "--auth=trust", "--locale=C.UTF-8", "-D", self.data)
        self.configure("listen_addresses = ''", "fsync = off", "shared_buffers = '16MB'", *settings)
        self.start()

    def configure(self, *settings):
        """Add lines to the configuration."""
        lines = [f"port = {self.port}", f"unix_socket_directories = '{self.directory}'", *settings]
        with open(f"{self.data}/postgresql.conf", "a") as file:
            file.write("\n".join(lines) + "\n")

    def start(self):
        """Start, and wait until it answers."""
        log = f"{self.data}.log"
        run(f"{BIN}/pg_ctl", "start", "-w", "-t", "120", "-D", self.data, "-l", log)

    def stop(self):
        """Stop, whatever runs."""
        subprocess.run(
            [f"{BIN}/pg_ctl", "stop", "-m", "immediate", "-D", self.data], capture_output=True
        )

    def postmaster(self):
        """Return the process of the postmaster."""
        return int(pathlib.Path(f"{self.data}/postmaster.pid").read_text().split()[0])

    def session(self, options=None):
        """Open a session."""
        os.environ.update(PGHOST=self.directory, PGPORT=str(self.port), PGDATABASE="postgres")
        return Session(options=options)

    def fill(self):
        """Make a table and a model; return what it predicts."""
        with self.session() as session:
            session.run("CREATE EXTENSION pgml")
            rows_of_numbers(session, "public.kept", 400, 4)
            session.run("ALTER TABLE public.kept DROP COLUMN c", TRAIN)
            return session.run(PREDICTION)


@contextlib.contextmanager
def servers(*names):
    """Have servers, and nothing of them afterwards."""
    with tempfile.TemporaryDirectory(prefix="pgml-", dir="/tmp") as directory:
        made = [Server(directory, name, 6400 + place) for place, name in enumerate(names)]
        try:
            yield made
        finally:
            for server in made:
                server.stop()
