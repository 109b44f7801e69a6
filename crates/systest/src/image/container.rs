//! Containers of a test: started, asked and waited for with a limit, and removed by their own ids.

use std::path::Path;
use std::time::{Duration, Instant};

use base::exit::Failure;
use base::process::{ProcessError, Program};
use build::oci::engine::Engine;

use crate::cases::ensure;

/// How long one command of the engine may take, in seconds.
const COMMAND: &str = "300";
/// How long a server may take to initialise and start while others do the same.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Starts containers of the two images with one container engine.
pub struct Containers<'a> {
    engine: Engine,
    /// The name of the full image, as the engine knows it.
    pub full: String,
    /// The name of the slim image, as the engine knows it.
    pub slim: String,
    label: String,
    log: &'a Path,
}

/// What a container that ran to its end did.
pub struct Ended {
    /// The exit code that the engine reports.
    pub code: i32,
    /// What it said on both outputs.
    pub output: String,
}

/// A container; dropping it removes it and its anonymous volumes.
pub struct Container<'a> {
    containers: &'a Containers<'a>,
    /// The id that the engine gave the container.
    pub id: String,
}

impl<'a> Containers<'a> {
    /// Takes the names of the images; `log` receives the output of the engine.
    pub fn new(engine: Engine, full: String, slim: String, log: &'a Path) -> Self {
        Self {
            engine,
            full,
            slim,
            label: format!("pgml.test={}", std::process::id()),
            log,
        }
    }

    /// The ids of this run's containers that are there, running or not.
    pub fn remaining(&self) -> Result<String, Failure> {
        let filter = format!("label={}", self.label);
        self.call(&["ps", "--all", "--quiet", "--filter", &filter])
    }

    /// A command of the engine, with a limit to its time.
    fn program(&self) -> Program {
        self.engine.call_within(COMMAND)
    }

    /// Runs a command of the engine and returns what it wrote to standard output.
    pub fn call(&self, args: &[&str]) -> Result<String, Failure> {
        let output = self.program().args(args.iter().copied()).output(self.log)?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// Makes a container without starting it.
    pub fn create(&self, args: &[&str]) -> Result<Container<'_>, Failure> {
        let create = ["create", "--label", &self.label];
        let args: Vec<&str> = create.iter().chain(args).copied().collect();
        Ok(Container {
            containers: self,
            id: self.call(&args)?,
        })
    }

    /// Starts a container in the background.
    pub fn start(&self, args: &[&str]) -> Result<Container<'_>, Failure> {
        let container = self.create(args)?;
        container.start()?;
        Ok(container)
    }

    /// Starts a server of the full image with a password and these options, and waits until it answers.
    pub fn server(&self, options: &[&str], arguments: &[&str]) -> Result<Container<'_>, Failure> {
        let args: Vec<&str> = ["--env", "POSTGRES_PASSWORD=secret"]
            .iter()
            .chain(options)
            .chain([&self.full.as_str()])
            .chain(arguments)
            .copied()
            .collect();
        let container = self.start(&args)?;
        container.wait_until_it_serves()?;
        Ok(container)
    }

    /// Runs a container to its end.
    pub fn run(&self, args: &[&str]) -> Result<Ended, Failure> {
        self.start(args)?.wait_for_end()
    }
}

impl Container<'_> {
    fn on(&self, before: &[&str], after: &[&str]) -> Result<String, Failure> {
        let args: Vec<&str> = before
            .iter()
            .chain([&self.id.as_str()])
            .chain(after)
            .copied()
            .collect();
        self.containers.call(&args)
    }

    /// Starts it, or starts it again.
    pub fn start(&self) -> Result<(), Failure> {
        self.on(&["start"], &[]).map(drop)
    }

    /// Copies a file or directory of the host into it, running or not.
    pub fn copy(&self, from: &Path, to: &str) -> Result<(), Failure> {
        let from = from.display().to_string();
        let to = format!("{}:{to}", self.id);
        self.containers.call(&["cp", &from, &to]).map(drop)
    }

    /// A fact, by a Go template.
    pub fn inspect(&self, template: &str) -> Result<String, Failure> {
        self.on(&["inspect", "--format", template], &[])
    }

    /// Runs a command in it.
    pub fn exec(&self, command: &[&str]) -> Result<String, Failure> {
        self.on(&["exec"], command)
    }

    /// Asks the server through its socket, as its superuser `postgres`, in a database.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        self.sql_as("postgres", database, sql)
    }

    /// Asks the server through its socket, as a user.
    pub fn sql_as(&self, user: &str, database: &str, sql: &str) -> Result<String, Failure> {
        self.exec(&[
            "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--username",
            user,
            "--dbname",
            database,
            "--command",
            sql,
        ])
    }

    /// What it said so far.
    pub fn logs(&self) -> Result<String, Failure> {
        // The engine keeps the two outputs apart and writes them to its own two.
        let program = self.containers.program().args(["logs", &self.id]);
        let output = program
            .command()
            .output()
            .map_err(|reason| ProcessError::Start {
                program: self.containers.engine.program.into(),
                reason,
            })?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(out + &String::from_utf8_lossy(&output.stderr))
    }

    /// Sends a signal, such as `TERM`, to the first process of the container.
    pub fn signal(&self, signal: &str) -> Result<(), Failure> {
        self.on(&["kill", "--signal", signal], &[]).map(drop)
    }

    /// Stops it as users do; the engine kills it after 30 s.
    pub fn stop(&self) -> Result<(), Failure> {
        self.on(&["stop", "--time", "30"], &[]).map(drop)
    }

    /// The address at which other containers reach it.
    pub fn address(&self) -> Result<String, Failure> {
        self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    }

    fn state(&self) -> Result<(bool, i32), Failure> {
        let state = self.inspect("{{.State.Running}} {{.State.ExitCode}}")?;
        let (running, code) = state.split_once(' ').unwrap_or_default();
        Ok((running == "true", code.parse().unwrap_or(-1)))
    }

    /// Waits until a condition holds. Fails with the container's log when that takes too long or the container ends.
    pub fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        holds: impl Fn() -> Result<bool, Failure>,
    ) -> Result<Duration, Failure> {
        let began = Instant::now();
        loop {
            if holds()? {
                return Ok(began.elapsed());
            }
            let (running, code) = self.state()?;
            let late = began.elapsed() > limit;
            if late || !running {
                let why = match running {
                    true => format!("not {what} within {} s", limit.as_secs()),
                    false => format!("ended with {code} instead of being {what}"),
                };
                return ensure(false, || {
                    format!("{why}; it said: {}", self.logs().unwrap_or_default())
                })
                .map(|()| began.elapsed());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the server is ready, by the health check that the engine uses. The server during initialisation does not
    /// count.
    pub fn wait_until_it_serves(&self) -> Result<(), Failure> {
        self.wait_until("serving", PATIENCE, || {
            Ok(self.exec(&["pgml-healthcheck"]).is_ok())
        })
        .map(drop)
    }

    /// Waits until it ended by itself.
    pub fn wait_for_end(&self) -> Result<Ended, Failure> {
        let began = Instant::now();
        loop {
            let (running, code) = self.state()?;
            if !running {
                return Ok(Ended {
                    code,
                    output: self.logs()?,
                });
            }
            ensure(began.elapsed() < PATIENCE, || {
                format!(
                    "it does not end; it said: {}",
                    self.logs().unwrap_or_default()
                )
            })?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // A drop can't report an error; the last case of the suite looks for containers that are left.
        let _ = self.on(&["rm", "--force", "--volumes"], &[]);
    }
}
