//! One server from start to stop: it starts, becomes healthy, trains over the network, restarts and stops.

use std::time::{Duration, Instant};

use base::exit::Failure;

use super::container::{Container, Containers, PATIENCE};
use super::{ImageTest, ensure_says};
use crate::cases::{Cases, ensure};

/// Within what time a new container must be healthy on a machine that does nothing else.
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
    Ok((ended.code, ended.output))
}

fn answer(asked: (i32, String), expected: &str) -> Result<(), Failure> {
    let (code, output) = asked;
    ensure(
        code == 0 && output.lines().any(|line| line == expected),
        || format!("psql ends with {code} and says {output}, without a line `{expected}`"),
    )
}

/// The load of the last minute, where others have more to do than there are processors.
fn busy() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split(' ').next()?.parse().ok()?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (load > processors as f64).then_some(load)
}

impl ImageTest<'_> {
    pub(super) fn serving(&self, containers: &Containers<'_>, cases: &mut Cases<'_>) {
        let started = cases.run("a container with a password becomes healthy", || {
            let args = ["--env", "POSTGRES_PASSWORD=secret", &containers.full];
            let server = containers.create(&args)?;
            let began = Instant::now();
            server.start()?;
            server.wait_until("healthy", PATIENCE, || {
                Ok(server.inspect("{{.State.Health.Status}}")? == "healthy")
            })?;
            Ok((server, began.elapsed()))
        });
        let Some((server, took)) = started else {
            return;
        };
        let name = "it takes at most 10 s";
        match (took <= HEALTHY, busy()) {
            (false, Some(load)) => cases.not_run(
                name,
                format!(
                    "it took {:.1} s on a busy machine (load {load})",
                    took.as_secs_f64()
                ),
            ),
            (in_time, _) => drop(cases.run(name, || {
                ensure(in_time, || format!("it took {:.1} s", took.as_secs_f64()))
            })),
        }
        cases.run(
            "the password is asked for over the network, and a wrong one refused",
            || {
                let (code, output) = over_tcp(containers, &server, "wrong", "SELECT 1")?;
                ensure(code != 0, || "a wrong password is let in".into())?;
                ensure_says(&output, &["password authentication failed"])
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
    }
}

fn ended_cleanly(server: &Container<'_>) -> Result<(), Failure> {
    let ended = server.wait_for_end()?;
    ensure(ended.code == 0, || {
        format!("its exit code is {}: {}", ended.code, ended.output)
    })?;
    let last = ended.output.lines().rev().take(4).collect::<String>();
    ensure_says(&last, &["database system is shut down"])
}
