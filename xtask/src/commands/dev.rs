//! `cargo xtask dev`

mod environment;

use build::layout;
use build::plan::ids;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use base::exit::{Exit, Failure};
use base::files::FileError;
use base::process::ProcessError;
use base::progress::Listener;
use base::workspace::Workspace;
use build::plan::{Plan, Purpose};
use inputs::host::tools::BWRAP;
use jobs::execute::to_run;
use release::pipeline::Pipeline;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use systest::scratch_cluster::{self, Build, Created, SUPERUSER, ScratchCluster, Server};

use crate::commands::mirrors::MirrorArgs;
use crate::console::Console;
use crate::output::print;

/// Build the extension incrementally and open psql on a scratch cluster that has it
///
/// Nothing is installed: the server runs in a sandbox that shows it the build. The cluster is kept between runs; the
/// server ends with psql.
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask dev                                psql on a scratch cluster
  cargo xtask dev -c 'SELECT pgml.version()'     what follows goes to psql
  cargo xtask dev --fresh                        an empty cluster")]
pub struct Args {
    /// Start over with an empty cluster
    #[arg(long)]
    fresh: bool,
    /// Print the environment in which `cargo` and `cargo pgrx` build the extension outside of the sandbox, and end
    #[arg(long, conflicts_with = "fresh")]
    env: bool,
    #[command(flatten)]
    mirrors: MirrorArgs,
    /// Passed on to psql
    #[arg(
        value_name = "PSQL ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    psql: Vec<OsString>,
}

/// Runs the command.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let console = Console::new();
    let pipeline = args.mirrors.pipeline(workspace)?;
    let target = pipeline.host.own_target(&pipeline.targets)?;
    if args.env {
        return print(&environment::of(&pipeline, &target, &console)?);
    }
    scratch_cluster::require(&pipeline.host, Path::new("/"), &target)?;
    let chosen = [target];
    let [target] = &chosen;
    let mut plan = pipeline.plan(&chosen, Purpose::Dist)?;
    let stamp = ids::stamp(&target);
    let runtime = ids::runtime(&target.distribution.id);
    plan.goals = vec![stamp.clone(), ids::verify(&target), runtime.clone()];
    let install = workspace.log("install");
    match to_run(&plan, &pipeline.cache()).is_empty() {
        true => pipeline.host.require(&[BWRAP], &install, &console)?,
        false => pipeline.host.require_for_builds(&install, &console)?,
    }
    pipeline.execute(&plan, &chosen, &console)?;

    let output = |id: &str| output(&pipeline, &plan, id);
    let build = Build {
        library: &output(&stamp)?.join(layout::STRIPPED),
        control: &workspace.root.join("extension/pgml.control"),
        sql: &workspace.root.join("extension/sql"),
        runtime: &output(&runtime)?.join(layout::PYTHON_TREE),
    };
    let dir = workspace.cache.join("dev").join(target.to_string());
    let cluster = ScratchCluster::open(&dir, target.major)?;
    if args.fresh {
        cluster.clear()?;
    }
    // From here on, so that an interrupted compile ends at once and an interrupted psql takes the server with it.
    let mut signals = Signals::new([SIGCHLD, SIGINT, SIGTERM, SIGHUP])
        .map_err(FileError::at("watch for signals for", "psql"))?;
    let mut asked_to_end = || signals.pending().any(|signal| signal != SIGCHLD);
    let server = cluster.start(&build, &mut asked_to_end, &workspace.log("dev"))?;
    if server.is_new() {
        let dir = workspace.display(&dir);
        console.note(&format!("made a scratch cluster in {dir}"));
    }
    match server.create_extension(&build)? {
        Created::Current => {}
        Created::Again => console.note(
            "the extension's SQL changed: it was dropped and created again, with empty tables of its own",
        ),
        Created::Outdated(why) => console.note(&format!(
            "warning: the extension's SQL changed, and the database still has the old one:\n{why}\n\
             hint: `DROP EXTENSION pgml CASCADE; CREATE EXTENSION pgml` in psql replaces it, `cargo xtask dev --fresh` \
             the whole cluster"
        )),
    }
    let interactive = std::io::stdin().is_terminal();
    if interactive && args.psql.is_empty() {
        let [(_, socket), ..] = server.connection();
        console.note(&format!(
            "{target}; for a second psql: {} --host={} --username={SUPERUSER}",
            server.psql(),
            socket.display()
        ));
    }
    let status = psql(&server, &args.psql, &mut signals, interactive)?;
    drop(server);
    match status.success() {
        true => Ok(()),
        // psql said why.
        false => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

/// The directory of a finished job's result.
fn output(pipeline: &Pipeline, plan: &Plan, id: &str) -> Result<std::path::PathBuf, FileError> {
    let job = plan.job(id).ok_or_else(|| {
        FileError::at("find the job", id)(std::io::ErrorKind::NotFound.into()) // INVARIANT: the goals are of the plan
    })?;
    Ok(pipeline.cache().output(job))
}

/// Runs psql to its end with the caller's terminal, directory and environment, but for what would lead it elsewhere.
fn psql(
    server: &Server,
    args: &[OsString],
    signals: &mut Signals,
    interactive: bool,
) -> Result<ExitStatus, ProcessError> {
    let mut command = Command::new(server.psql());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    let not_started = |reason| ProcessError::Start {
        program: server.psql(),
        reason,
    };
    command.envs(server.connection()).args(args);
    let mut psql = command.spawn().map_err(not_started)?;
    loop {
        if let Some(status) = psql.try_wait().map_err(not_started)? {
            return Ok(status);
        }
        // A child's end wakes this too.
        for signal in signals.wait() {
            match signal {
                // A terminal sends it to psql as well, where it ends a query and not the session.
                SIGINT if !interactive => send(&psql, Signal::INT),
                SIGTERM | SIGHUP => send(&psql, Signal::TERM),
                _ => {}
            }
        }
    }
}

/// Not waited for yet, so that its process id is still its own.
fn send(psql: &Child, signal: Signal) {
    if let Some(pid) = Pid::from_raw(psql.id() as i32) {
        // It may have ended already, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}
