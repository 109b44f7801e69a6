"""Sixteen clients that train, deploy, predict, cancel and kill, for a while.

PGML_SOAK_SECONDS says for how long (a smoke of 20 by default). The figures of a release are those
of 20 minutes: `cargo xtask test --suite soak --soak-seconds 1200`.
"""

import os
import random
import signal
import threading
import time

from session import (
    Failed,
    Lost,
    Session,
    case,
    main,
    psql,
    resident,
    rows_of_numbers,
    wait_until,
)

SECONDS = float(os.environ.get("PGML_SOAK_SECONDS", "20"))
CLIENTS = 16
PROJECTS = 4
KILLS_EVERY = 60.0
"""Seconds between two kill -9: each one ends every session."""

POINT = "ARRAY[0.5, 0.5, 0.5, 0.5]"
ALGORITHMS = (
    ("ridge", "{}"),
    ("linear", "{}"),
    ("random_forest", '{"n_estimators": 10}'),
    ("xgboost", '{"n_estimators": 10}'),
)
ENDED = ("57014", "57P01", "57P02", "57P03")
"""A cancel, a termination, a crash elsewhere, a recovery under way."""


class Soak:
    """What the clients know together: committed models and what they predict."""

    def __init__(self):
        """Nothing was trained yet."""
        self.lock = threading.Lock()
        self.answers = {}
        self.counts = dict.fromkeys(("train", "deploy", "predict", "cancel", "kill"), 0)
        self.wrong = []
        self.until = time.monotonic() + SECONDS
        self.next_kill = time.monotonic() + min(KILLS_EVERY, SECONDS / 2)
        self.growth = 0.0
        self.measured = 0
        self.libraries = threading.local()

    def note(self, action):
        """Count an action."""
        with self.lock:
            self.counts[action] += 1

    def complain(self, what):
        """Keep what must not happen."""
        with self.lock:
            self.wrong.append(what)

    def client(self, number):
        """Do one thing after the other until time is up; connect again when the server ended it."""
        chance = random.Random(number)
        while time.monotonic() < self.until:
            try:
                with Session(options="-c statement_timeout=60s") as session:
                    self.work(session, chance)
            except (Lost, IndexError, FileNotFoundError, ProcessLookupError):
                time.sleep(0.3)
            except Failed as failed:
                if failed.sqlstate not in ENDED:
                    self.complain(f"client {number}: {failed}")
            except Exception as error:
                self.complain(f"client {number}: {type(error).__name__} {error}")

    def work(self, session, chance):
        """Use a session for a while."""
        seen = []
        self.libraries.trained = set()
        for _ in range(chance.randint(20, 400)):
            if time.monotonic() > self.until:
                break
            try:
                self.act(session, chance)
            except Failed as failed:
                if failed.sqlstate not in ENDED:
                    raise
            # Past the first uses, which load packages.
            if {"random_forest", "xgboost"} <= self.libraries.trained:
                seen.append(resident(session.pid))
        if len(seen) > 40:
            with self.lock:
                self.measured += 1
                self.growth = max(self.growth, seen[-1] - max(seen[:20]))

    def act(self, session, chance):
        """Do one thing."""
        project = f"soak {chance.randrange(PROJECTS)}"
        dice = chance.random()
        if dice < 0.70:
            self.predict(session, project, chance)
        elif dice < 0.85:
            session.run(f"SELECT pgml.deploy('{project}', 'most_recent')")
            self.note("deploy")
        elif dice < 0.93:
            self.train(session, project, chance)
        elif dice < 0.99:
            self.cancel(session)
        else:
            self.kill(session)

    def train(self, session, project, chance):
        """Train a model, and keep what it predicts once it is committed."""
        algorithm, hyperparams = chance.choice(ALGORITHMS)
        session.run(
            f"SELECT pgml.train('{project}', 'regression', 'public.soaked', 'y', '{algorithm}', "
            f"hyperparams => '{hyperparams}')"
        )
        self.note("train")
        self.libraries.trained.add(algorithm)

    def predict(self, session, project, chance):
        """Predict with a project, and with a model whose answer is known."""
        session.run(f"SELECT pgml.predict('{project}', {POINT})")
        with self.lock:
            known = chance.choice(list(self.answers)) if self.answers else None
        if known is None or chance.random() < 0.1:
            models = session.run(
                "SELECT id FROM pgml.models WHERE status::text = 'successful' "
                "ORDER BY random() LIMIT 1"
            )
            known = models[0]
        answer = session.run(f"SELECT pgml.predict({known}, {POINT})")[0]
        with self.lock:
            expected = self.answers.setdefault(known, answer)
        if expected != answer:
            self.complain(f"model {known} predicted {expected}, and now {answer}")
        self.note("predict")

    def cancel(self, session):
        """Cancel somebody's statement."""
        session.run(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' "
            "AND pid <> pg_backend_pid() AND query LIKE '%pgml.%' ORDER BY random() LIMIT 1"
        )
        self.note("cancel")

    def kill(self, session):
        """Kill -9 somebody's backend, when it is time again."""
        with self.lock:
            if time.monotonic() < self.next_kill:
                return
            self.next_kill = time.monotonic() + KILLS_EVERY
        victim = session.run(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        )
        if victim:
            os.kill(int(victim[0]), signal.SIGKILL)
            self.note("kill")


def answers():
    """Tell whether the server takes connections."""
    try:
        return psql("SELECT 1") == ["1"]
    except (Lost, IndexError):
        return False


@case
def sixteen_clients():
    """16 clients train, deploy, predict, cancel and kill: none is wrong, none is lost"""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        rows_of_numbers(session, "public.soaked", 200, 4)
        session.run("ALTER TABLE public.soaked DROP COLUMN c")
        for project in range(PROJECTS):
            session.run(
                f"SELECT pgml.train('soak {project}', 'regression', 'public.soaked', 'y', 'ridge')"
            )
    soak = Soak()
    clients = [threading.Thread(target=soak.client, args=(n,), daemon=True) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(SECONDS + 180)
        assert not client.is_alive(), "a client hangs"
    assert not soak.wrong, "; ".join(soak.wrong[:5])
    # The last kill may have been a moment ago.
    wait_until(answers, "the server takes connections again", 120)
    with Session() as session:
        for model, expected in soak.answers.items():
            found = session.run(f"SELECT pgml.predict({model}, {POINT})")
            assert found == [expected], f"model {model} predicted {expected}, and now {found}"
    assert soak.counts["predict"] > 0, soak.counts
    assert soak.growth < 32, f"a session grew by {soak.growth:.0f} MB"
    done = ", ".join(f"{count} {action}" for action, count in soak.counts.items())
    return (
        f"{SECONDS:.0f} s: {done}; {len(soak.answers)} models; "
        f"{soak.measured} sessions were measured, and one grew by {soak.growth:.0f} MB"
    )


if __name__ == "__main__":
    psql("SELECT 1")
    main()
