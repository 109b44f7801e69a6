"""Who may do what, and that bytes in a table are never code.

`docs/security.md` says why; the GRANTs here are the ones that it names.
"""

import os
import subprocess
import tempfile

from session import Session, case, main, psql

PREDICT = "GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO"
TRAIN = (
    "GRANT SELECT, INSERT ON pgml.deployments, pgml.files TO {0}",
    "GRANT SELECT, INSERT, UPDATE ON pgml.projects, pgml.models, pgml.snapshots TO {0}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgml TO {0}",
)
PREDICTION = "SELECT pgml.predict('guarded', ARRAY[0.25, 0.75])"
ROLES = ("pgml_forger", "pgml_trainer", "pgml_reader", "pgml_nobody")


def train(project, relation="public.guarded"):
    """Return the statement that trains a model."""
    return f"SELECT pgml.train('{project}', 'regression', '{relation}', 'y', 'ridge')"


def prepare():
    """Make roles, rows and two models."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        for role in ROLES:
            exists = session.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'")
            if exists:
                session.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
            session.run(f"CREATE ROLE {role} LOGIN")
        session.run(
            "DROP TABLE IF EXISTS public.guarded",
            "CREATE TABLE public.guarded AS SELECT n / 100.0 AS x, n % 7 AS z, n * 2.0 AS y "
            "FROM generate_series(1, 100) AS n",
            train("guarded"),
            train("other"),
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgml TO pgml_forger",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgml TO pgml_forger",
        )


def refused(session, statement, sqlstate, words=""):
    """Fail unless the statement fails in this way."""
    failed, _ = session.failure(statement)
    assert failed.sqlstate == sqlstate and words in failed.message, f"{failed} from: {statement}"


def model_of(session, project):
    """Return the id of a project's last model."""
    return session.run(
        "SELECT max(m.id) FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id "
        f"WHERE p.name = '{project}'"
    )[0]


class Witness:
    """A file that exists once the server has run what a pickle says."""

    def __init__(self):
        """Choose a place where the server may write."""
        self.path = os.path.join(tempfile.gettempdir(), f"pgml_witness_{os.getpid()}")
        self.pickle = f"cos\nsystem\n(Vtouch {self.path}\ntR.".encode()

    def check(self):
        """Fail when the file is there."""
        assert not os.path.exists(self.path), "the server ran what was in the bytes"


def put(session, model, data):
    """Make `data` the bytes of a model, in one part."""
    session.run(
        f"DELETE FROM pgml.files WHERE model_id = {model} AND path = 'estimator.pkl'",
        "INSERT INTO pgml.files (model_id, path, part, data) "
        f"VALUES ({model}, 'estimator.pkl', 0, '\\x{data.hex()}')",
    )


def copy_of(session, project, name):
    """Make another model with the bytes of a project's, as the forger can; return its id."""
    model = model_of(session, project)
    session.run(
        f"INSERT INTO pgml.projects (name, task) VALUES ('{name}', 'regression')",
        "INSERT INTO pgml.models (project_id, num_features, algorithm, hyperparams, status, "
        "search_params, search_args) SELECT p.id, num_features, algorithm, hyperparams, status, "
        "search_params, search_args FROM pgml.models AS m, pgml.projects AS p "
        f"WHERE m.id = {model} AND p.name = '{name}'",
    )
    copy = model_of(session, name)
    session.run(
        "INSERT INTO pgml.deployments (project_id, model_id, strategy) "
        f"SELECT project_id, id, 'specific' FROM pgml.models WHERE id = {copy}",
        "INSERT INTO pgml.files (model_id, path, part, data) SELECT "
        f"{copy}, path, part, data FROM pgml.files WHERE model_id = {model} "
        "AND path = 'estimator.pkl'",
    )
    return copy


@case
def forged_bytes_are_not_read():
    """Who may write to every table of pgml can't make a model, nor change one, that is read"""
    witness = Witness()
    with Session(role="pgml_forger") as forger:
        copy = copy_of(forger, "other", "forged")
        asked = f"SELECT pgml.predict({copy}, ARRAY[0.25, 0.75])"
        refused(forger, asked, "55000", "not as this database stored it")
        for data in (witness.pickle, witness.pickle + b"pgmlseal" + bytes(32), b"", b"pgmlseal"):
            put(forger, copy, data)
            refused(forger, asked, "55000" if data else "02000")
            with Session() as superuser:
                refused(superuser, asked, "55000" if data else "02000")
            witness.check()
        refused(forger, f"SELECT pgml.trust({copy})", "42501", "permission denied")
        refused(forger, "SELECT key FROM pgml_private.seal_keys", "42501", "permission denied")
        refused(forger, "SET pgml.runtime_path = '/tmp'", "42501", "permission denied")


@case
def files_are_for_one_reader_of_one_model():
    """The file that predicts without Python is read for its own model only, and no other for it"""
    with Session() as session:
        assert session.run(
            "SELECT metrics->>'predicted_by' FROM pgml.models "
            f"WHERE id = {model_of(session, 'other')}"
        ) == ["rust"], "the test has no such file"
        copy = copy_of(session, "other", "borrowed")
        session.run(f"SELECT pgml.trust({copy})")
        asked = f"SELECT pgml.predict({copy}, ARRAY[0.25, 0.75])"
        expected = session.run(asked)
        for origin, path in (
            (model_of(session, "other"), "estimator.safetensors"),
            (copy, "estimator.pkl"),
        ):
            session.run(
                "INSERT INTO pgml.files (model_id, path, part, data) SELECT "
                f"{copy}, 'estimator.safetensors', part, data FROM pgml.files "
                f"WHERE model_id = {origin} AND path = '{path}'"
            )
            with Session() as fresh:
                refused(fresh, asked, "55000", "not as this database stored it")
            session.run(
                f"DELETE FROM pgml.files WHERE model_id = {copy} AND path <> 'estimator.pkl'"
            )
        session.run(
            "INSERT INTO pgml.files (model_id, path, part, data) SELECT "
            f"{copy}, path, part, data FROM pgml.files WHERE path = 'estimator.safetensors' "
            f"AND model_id = {model_of(session, 'other')}",
            f"SELECT pgml.trust({copy})",
        )
        with Session() as fresh:
            assert fresh.run(asked) == expected, "an accepted file predicts otherwise"


@case
def changed_bytes_are_not_read():
    """A model whose bytes were cut, changed or appended to is an error, and a whole one predicts"""
    with Session() as session:
        expected = session.run(PREDICTION)
        model = model_of(session, "guarded")
        for change in (
            "substr(data, 1, octet_length(data) - 1)",
            "substr(data, 1, octet_length(data) / 2)",
            "set_byte(data, 20, (get_byte(data, 20) + 1) % 256)",
            "data || '\\x00'",
        ):
            session.run("BEGIN", f"UPDATE pgml.files SET data = {change} WHERE model_id = {model}")
            with Session() as other:
                assert other.run(PREDICTION) == expected
            session.run("COMMIT")
            with Session() as other:
                refused(other, PREDICTION, "55000", "not as this database stored it")
            session.run(train("guarded"))
            model = model_of(session, "guarded")
            session.run(f"SELECT pgml.deploy({model})")
            assert session.run(PREDICTION) == expected


@case
def accepted_bytes_are_still_no_code():
    """What a superuser accepted by mistake is refused by the unpickler, and named"""
    witness = Witness()
    with Session() as session:
        copy = copy_of(session, "other", "accepted")
        asked = f"SELECT pgml.predict({copy}, ARRAY[0.25, 0.75])"
        refused(session, asked, "55000")
        session.run(f"SELECT pgml.trust({copy})")
        expected = session.run("SELECT pgml.predict('other', ARRAY[0.25, 0.75])")
        assert session.run(asked) == expected, "an accepted model predicts otherwise"
        put(session, copy, witness.pickle)
        session.run(f"SELECT pgml.trust({copy})")
        with Session() as fresh:
            refused(fresh, asked, "22023", "os.system is no part of a model")
        witness.check()


@case
def predicting_and_training_are_granted_apart():
    """The GRANTs for predicting and for training suffice, and give nothing else"""
    with Session() as session:
        session.run(f"{PREDICT} pgml_reader")
        session.run(*(grant.format("pgml_trainer") for grant in TRAIN))
        session.run(
            "GRANT SELECT ON public.guarded TO pgml_trainer",
            "DROP TABLE IF EXISTS public.shut",
            "CREATE TABLE public.shut AS SELECT * FROM public.guarded",
        )
        expected = session.run(PREDICTION)
    with Session(role="pgml_nobody") as nobody:
        refused(nobody, PREDICTION, "42501")
        refused(nobody, train("mine"), "42501")
    with Session(role="pgml_reader") as reader:
        assert reader.run(PREDICTION) == expected
        refused(reader, train("mine"), "42501")
        refused(reader, "SELECT pgml.deploy('guarded', 'most_recent')", "42501")
        refused(reader, "UPDATE pgml.files SET data = ''", "42501")
    with Session(role="pgml_trainer") as trainer:
        trainer.run(train("of the trainer"))
        trainer.run("SELECT pgml.predict('of the trainer', ARRAY[0.25, 0.75])")
        refused(trainer, "DELETE FROM pgml.models", "42501")
        refused(trainer, "UPDATE pgml.files SET data = ''", "42501")
        refused(trainer, train("stolen", "public.shut"), "42501")
        refused(trainer, "SELECT key FROM pgml_private.seal_keys", "42501")


@case
def search_path_is_not_used():
    """Operators, functions and tables that come first in search_path are never used"""
    with Session() as session:
        expected = session.run(PREDICTION)
        session.run(
            "DROP SCHEMA IF EXISTS pgml_evil CASCADE",
            "CREATE SCHEMA pgml_evil",
        )
        for one in ("bigint", "text", "integer", "boolean", "oid", "name", "jsonb", "float8"):
            session.run(
                f"CREATE FUNCTION pgml_evil.caught({one}, {one}) RETURNS boolean LANGUAGE plpgsql "
                "AS $$ BEGIN RAISE EXCEPTION 'an operator of the search path'; END $$"
            )
            for operator in ("=", "<>", "<", ">", "||", "->", "->>"):
                session.run(
                    f"CREATE OPERATOR pgml_evil.{operator} (FUNCTION = pgml_evil.caught, "
                    f"LEFTARG = {one}, RIGHTARG = {one})"
                )
        for name in ("to_regclass", "count", "unnest", "format", "quote_ident", "concat_ws"):
            session.run(
                f"CREATE FUNCTION pgml_evil.{name}(text) RETURNS text LANGUAGE plpgsql "
                "AS $$ BEGIN RAISE EXCEPTION 'a function of the search path'; END $$"
            )
        for name in ("projects", "models", "deployments", "files", "snapshots", "pg_class"):
            session.run(f"CREATE TABLE pgml_evil.{name} (id int)")
        session.run("SET search_path = pgml_evil, pg_catalog")
        assert session.run(PREDICTION) == expected
        session.run(train("by the path"), "SELECT pgml.deploy('by the path', 'most_recent')")
        session.run("SELECT pgml.load_dataset('iris')")
    with Session(options="-c search_path=pgml_evil,pg_catalog") as session:
        assert session.run(PREDICTION) == expected
        session.run(train("by the path"))
    psql("DROP SCHEMA pgml_evil CASCADE")


@case
def row_security_holds():
    """A training sees the rows that its role may see, and no others"""
    with Session() as session:
        session.run(
            "DROP TABLE IF EXISTS public.secrets",
            "CREATE TABLE public.secrets AS SELECT n / 50.0 AS x, (CASE WHEN n % 2 = 0 THEN "
            "n * 1.0 END) AS y, n % 2 = 0 AS open FROM generate_series(1, 100) AS n",
            "ALTER TABLE public.secrets ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY own ON public.secrets USING (open)",
            "GRANT SELECT ON public.secrets TO pgml_trainer",
        )
        session.run(*(grant.format("pgml_trainer") for grant in TRAIN))
        # The hidden rows have no label: whoever reads them fails.
        failed, _ = session.failure(train("secrets of all", "public.secrets"))
        assert "y" in failed.message, failed
    with Session(role="pgml_trainer") as trainer:
        trainer.run(train("secrets", "public.secrets"))


@case
def security_definer_lends_its_rights():
    """A SECURITY DEFINER function predicts for a role that may not, and nothing else does"""
    with Session() as session:
        session.run(
            f"{PREDICT} pgml_reader",
            "GRANT CREATE ON SCHEMA public TO pgml_reader",
            "CREATE OR REPLACE FUNCTION public.guarded_prediction() RETURNS float8 LANGUAGE sql "
            "SECURITY DEFINER SET search_path = pg_catalog "
            "AS $$ SELECT pgml.predict('guarded', ARRAY[0.25, 0.75]) $$",
            "ALTER FUNCTION public.guarded_prediction() OWNER TO pgml_reader",
        )
        expected = session.run(PREDICTION)
    with Session(role="pgml_nobody") as nobody:
        # A model in memory is not lent to whoever comes next in the session.
        assert nobody.run("SELECT public.guarded_prediction()") == expected
        refused(nobody, PREDICTION, "42501")
        assert nobody.run("SELECT public.guarded_prediction()") == expected
        refused(nobody, "SELECT key FROM pgml_private.seal_keys", "42501")
    psql("DROP FUNCTION public.guarded_prediction()")


@case
def a_plan_needs_no_right():
    """EXPLAIN of a prediction is no error, and tells nothing, where the prediction is one"""

    def cost(session):
        plan = session.run(f"EXPLAIN {PREDICTION}")[0]
        return float(plan.split("..")[1].split(" ")[0])

    with Session() as session:
        session.run(f"{PREDICT} pgml_reader")
    with Session(role="pgml_nobody") as nobody, Session(role="pgml_reader") as reader:
        refused(nobody, PREDICTION, "42501")
        assert cost(nobody) > 20, "what everybody may know is the declared cost"
        assert cost(reader) < 20, "the planner knows nothing of the model"


@case
def names_are_only_names():
    """Tables, columns and projects may be called anything"""
    with Session() as session:
        session.run(
            'DROP SCHEMA IF EXISTS "we""ird; DROP" CASCADE',
            'CREATE SCHEMA "we""ird; DROP"',
            'CREATE TABLE "we""ird; DROP"."Ta.ble \'x\'" AS SELECT n / 9.0 AS "a""b", '
            'n * 2.0 AS "y\'; --" FROM generate_series(1, 40) AS n',
            "SELECT pgml.train($$it's \"; DROP TABLE pgml.models$$, 'regression', "
            '$$"we""ird; DROP"."Ta.ble \'x\'"$$, $$y\'; --$$, \'linear\')',
        )
        predicted = session.run(
            "SELECT pgml.predict($$it's \"; DROP TABLE pgml.models$$, ARRAY[1.0])"
        )
        assert abs(float(predicted[0]) - 18) < 1e-6, predicted
        session.run('DROP SCHEMA "we""ird; DROP" CASCADE')


@case
def hyperparameters_reach_no_file():
    """No hyperparameter makes the server read or write a file"""
    with Session() as session:
        for name in ("input_model", "config", "output_model", "machine_list_filename"):
            failed, _ = session.failure(
                "SELECT pgml.train('files', 'regression', 'public.guarded', 'y', 'lightgbm', "
                f'hyperparams => \'{{"{name}": "/etc/passwd"}}\')'
            )
            assert failed.sqlstate == "22023", failed


@case
def a_restored_dump_predicts():
    """pg_dump and pg_restore keep the models, sealed with the key that comes along"""
    expected = psql(PREDICTION)
    psql("DROP DATABASE IF EXISTS pgml_restored")
    psql("CREATE DATABASE pgml_restored")
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["pg_dump", "-Fc", "-f", file.name], check=True, capture_output=True)
        subprocess.run(
            ["pg_restore", "--exit-on-error", "-d", "pgml_restored", file.name],
            check=True,
            capture_output=True,
        )
    with Session(database="pgml_restored") as session:
        assert session.run(PREDICTION) == expected
        session.run(train("after the restore"))
        session.run("SELECT pgml.predict('after the restore', ARRAY[0.25, 0.75])")
        # Two keys: the database's own, and the one of the models in the dump.
        assert session.run("SELECT count(*) FROM pgml_private.seal_keys") == ["2"]
        session.run("DELETE FROM pgml_private.seal_keys")
        with Session(database="pgml_restored") as fresh:
            refused(fresh, PREDICTION, "55000")
    psql("DROP DATABASE pgml_restored")


@case
def a_role_that_cannot_dump_fails_whole():
    """Nobody but the owner can dump the bytes or the key"""
    done = subprocess.run(
        ["pg_dump", "-U", "pgml_forger", "-f", os.devnull], capture_output=True, encoding="utf-8"
    )
    assert done.returncode != 0, "the forger has dumped the keys"
    assert "permission denied" in done.stderr, done.stderr


if __name__ == "__main__":
    prepare()
    main()
