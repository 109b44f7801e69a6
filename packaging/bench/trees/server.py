"""A session of psql, which stays open from statement to statement."""

import subprocess

_END = "-- the end of what a statement printed"


class Session:
    """A session in a database on the test's cluster."""

    def __init__(self, port, database):
        """Connect."""
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-p", str(port), "-d", database]
        pipe = subprocess.PIPE
        self._psql = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        # One process works, as on the other sides.
        self.run("SET client_min_messages = error")
        self.run("SET max_parallel_workers_per_gather = 0")
        self.run("SET jit = off")

    def run(self, statement):
        """Run a statement; the lines that it prints."""
        self._psql.stdin.write(f"{statement};\n\\echo {_quoted(_END)}\n")
        self._psql.stdin.flush()
        lines = []
        for line in self._psql.stdout:
            if line.rstrip("\n") == _END:
                return lines
            lines.append(line.rstrip("\n"))
        raise SystemExit(f"psql ended after: {statement[:300]}")

    def copy(self, table, lines):
        """Write rows into a table."""
        self._psql.stdin.write(f"COPY {table} FROM STDIN;\n")
        self._psql.stdin.writelines(lines)
        self._psql.stdin.write("\\.\n")
        self.run("ANALYZE")

    def close(self):
        """End the session."""
        self._psql.stdin.close()
        if self._psql.wait() != 0:
            raise SystemExit(f"psql ended with {self._psql.returncode}")


def _quoted(text):
    return "'" + text.replace("'", "''") + "'"
