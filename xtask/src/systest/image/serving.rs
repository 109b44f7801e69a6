//! The life of one server, as a user has it: started, healthy, trained on over the network, restarted, stopped.

use std::time::Duration;

use super::container::{Container, Containers};
use super::{ImageTest, ensure_says};
use crate::exit::Failure;
use crate::systest::cases::{Cases, ensure};

/// Within what time a new container must be healthy.
const HEALTHY: Duration = Duration::from_secs(10);
const TRAIN: &str = "SELECT pgml.load_dataset('iris'); \
    SELECT deployed FROM pgml.train('flowers', 'classification', 'pgml.iris', 'target', algorithm => 'linear')";
const PREDICT: &str = "SELECT pgml.predict('flowers', ARRAY[5.1, 3.5, 1.4, 0.2])";

/// Asks a server over the network from a container of its own.
fn over_tcp(
    containers: &Containers<'_>,
    server: &Container<'_>,
    password: &str,
    sql: &str,
) -> Result<(i32, String), Failure> {
    let address = server.address()?;
    let password = format!("PGPASSWORD={password}");
    let ended = containers.run(&[
        "--env",
        &password,
        &containers.full,
        "psql",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--host",
        &address,
        "--username=postgres",
        "--set=ON_ERROR_STOP=1",
        "--command",
        sql,
    ])?;
    Ok((ended.code, ended.words))
}

fn answer(asked: (i32, String), expected: &str) -> Result<(), Failure> {
    let (code, words) = asked;
    ensure(
        code == 0 && words.lines().any(|line| line == expected),
        || format!("psql ends with {code} and says {words}, without a line `{expected}`"),
    )
}

impl ImageTest<'_> {
    pub(super) fn serving(&self, containers: &Containers<'_>, cases: &mut Cases<'_>) {
        let started = cases.run("a container with a password is healthy within 10 s", || {
            let args = ["--env", "POSTGRES_PASSWORD=secret", &containers.full];
            let server = containers.start(&args)?;
            server.wait_until("healthy", HEALTHY, || {
                Ok(server.inspect("{{.State.Health.Status}}")? == "healthy")
            })?;
            Ok(server)
        });
        let Some(server) = started else { return };
        cases.run(
            "the password is asked for over the network, and a wrong one refused",
            || {
                let (code, words) = over_tcp(containers, &server, "wrong", "SELECT 1")?;
                ensure(code != 0, || "a wrong password is let in".into())?;
                ensure_says(&words, &["password authentication failed"])
            },
        );
        cases.run("training over TCP from another container", || {
            answer(over_tcp(containers, &server, "secret", TRAIN)?, "t")
        });
        cases.run("predicting over TCP from another container", || {
            answer(over_tcp(containers, &server, "secret", PREDICT)?, "0")
        });
        cases.run(
            "`docker stop` ends it cleanly, and started again it has its data",
            || {
                server.stop()?;
                ended_cleanly(&server)?;
                server.start()?;
                server.wait_until_it_serves()?;
                answer(over_tcp(containers, &server, "secret", PREDICT)?, "0")
            },
        );
        cases.run("SIGTERM ends it cleanly", || {
            server.signal("TERM")?;
            ended_cleanly(&server)
        });
        let name = "the job of compose.yaml trains on the server, run by hand";
        cases.run(name, || self.compose_job(containers, &server));
    }

    /// What compose.yaml runs, with the engine's own commands: a server with its files in memory, and the job's SQL.
    fn compose_job(
        &self,
        containers: &Containers<'_>,
        server: &Container<'_>,
    ) -> Result<(), Failure> {
        server.start()?;
        server.wait_until_it_serves()?;
        let address = server.address()?;
        let job = containers.create(&[
            "--env",
            "PGPASSWORD=secret",
            &containers.full,
            "psql",
            "--host",
            &address,
            "--username=postgres",
            "--set=ON_ERROR_STOP=1",
            "--file=/train.sql",
        ])?;
        job.copy(&self.source.join("docker/train.sql"), "/train.sql")?;
        job.start()?;
        let ended = job.wait_for_end()?;
        ensure(ended.code == 0, || {
            format!("it ends with {}: {}", ended.code, ended.words)
        })?;
        ensure_says(&ended.words, &["flowers", "(5 rows)"])
    }
}

fn ended_cleanly(server: &Container<'_>) -> Result<(), Failure> {
    let ended = server.wait_for_end()?;
    ensure(ended.code == 0, || {
        format!("its exit code is {}: {}", ended.code, ended.words)
    })?;
    let last = ended.words.lines().rev().take(4).collect::<String>();
    ensure_says(&last, &["database system is shut down"])
}
