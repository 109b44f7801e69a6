//! `cargo xtask image`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base::exit::{Exit, Failure};
use base::files::FileError;
use base::progress::Listener;
use base::workspace::Workspace;
use build::oci::config::ImageConfig;
use build::oci::engine::Engine;
use build::oci::{Flavour, OciError, settings};
use inputs::host::{Choice, Host};
use targets::{Target, Targets};

use crate::console::Console;
use crate::output::print;

/// Hand an image to this machine's container engine, docker or podman
#[derive(clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    before_help = "Examples:
  cargo xtask image load
  cargo xtask image run -- --env POSTGRES_PASSWORD=secret --publish 5432:5432"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Load an image into the engine, and print its name
    #[command(before_help = "Example: cargo xtask image load debian12-pg15 --flavour slim")]
    Load(ImageChoice),
    /// Load an image and run a container of it, which is removed when it ends
    #[command(before_help = "Examples:
  cargo xtask image run -- --env POSTGRES_PASSWORD=secret --publish 5432:5432
  cargo xtask image run -- --env POSTGRES_PASSWORD=secret -- -c work_mem=64MB")]
    Run {
        #[command(flatten)]
        image: ImageChoice,
        /// Options for the engine's `run`; arguments for the server follow a second `--`
        #[arg(value_name = "OPTION", last = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
}

#[derive(clap::Args)]
struct ImageChoice {
    /// A target such as `debian12-pg15` [default: this machine's own]
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// Which of its images
    #[arg(long, value_name = "FLAVOUR", default_value = "full", value_parser = Flavour::ALL.map(Flavour::name))]
    flavour: String,
    /// Where the images are
    #[arg(long, default_value = "dist", value_name = "DIR")]
    out: PathBuf,
}

/// Carries out `cargo xtask image load` or `image run`.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let log = workspace.log("image");
    match args.action {
        Action::Load(choice) => {
            let (engine, archive, name) = choice.find(workspace)?;
            engine.load(&archive, &log)?;
            print(&format!("{name}\n"))
        }
        Action::Run { image, options } => {
            if Flavour::VOLUMES.iter().any(|it| it.name() == image.flavour) {
                let what = "an image that is to be mounted has nothing to run; `load` it";
                return Err(OciError::NotRunnable(what).into());
            }
            let (engine, archive, name) = image.find(workspace)?;
            engine.load(&archive, &log)?;
            Console::new().note(&format!("{}: {name}", engine.program));
            let (options, server) = match options.iter().position(|option| option == "--") {
                Some(at) => (&options[..at], &options[at + 1..]),
                None => (&options[..], &[][..]),
            };
            let volume = image.volume(workspace, &name, options)?;
            if let Some(volume) = &volume {
                let (program, place) = (engine.program, volume.as_str());
                let name = place.split_once(':').map_or(place, |(name, _)| name);
                Console::new().note(&format!(
                    "the data is in the volume `{name}`, and stays there (`{program} volume rm {name}` removes it)"
                ));
            }
            let volume = volume.map(|volume| format!("--volume={volume}"));
            let status = engine
                .call()
                .args(["run", "--rm"])
                .args(volume)
                .args(options)
                .arg(&name)
                .args(server)
                .command()
                .stdin(std::process::Stdio::inherit())
                .status()
                .map_err(FileError::at("run", engine.program))?;
            match status.success() {
                true => Ok(()),
                // It said why on its own output.
                false => Err(Failure::already_reported(Exit::CheckFailed)),
            }
        }
    }
}

/// Whether options of `docker run` say where the data is, so that no volume of ours is wanted.
fn says_where_the_data_is(options: &[OsString]) -> bool {
    const PLACES: [&str; 6] = [
        "-v",
        "--volume",
        "--mount",
        "--tmpfs",
        "--volumes-from",
        "--read-only",
    ];
    options.iter().any(|option| {
        let option = option.to_string_lossy();
        let name = option.split('=').next().unwrap_or_default();
        PLACES.contains(&name) || option.contains("PGDATA")
    })
}

impl ImageChoice {
    /// The volume for the data, as `--volume` takes it, unless the options name one.
    fn volume(
        &self,
        workspace: &Workspace,
        name: &str,
        options: &[OsString],
    ) -> Result<Option<String>, Failure> {
        if says_where_the_data_is(options) {
            return Ok(None);
        }
        let target = self.target(workspace)?;
        let volume = name.replace([':', '/'], "-");
        let place = settings::data_volume(target.major);
        Ok(Some(format!("{volume}-data:{place}")))
    }

    fn target(&self, workspace: &Workspace) -> Result<Target, Failure> {
        let targets = Targets::load(&workspace.packaging().join("targets.toml"))?;
        let wanted: Vec<String> = self.target.iter().cloned().collect();
        let choice = Choice {
            patterns: &wanted,
            ..Choice::default()
        };
        let chosen = Host::detect(Path::new("/")).select(&targets, &choice)?;
        match &chosen[..] {
            [target] => Ok(target.clone()),
            _ => {
                let what = "one image at a time: the name means several targets";
                Err(OciError::NotRunnable(what).into())
            }
        }
    }

    /// The engine, the archive, and the name that the image has once it is loaded.
    fn find(&self, workspace: &Workspace) -> Result<(Engine, PathBuf, String), Failure> {
        let target = &self.target(workspace)?;
        let config = ImageConfig::load(&workspace.root)?;
        let flavour = Flavour::ALL.into_iter().find(|f| f.name() == self.flavour);
        let flavour = flavour.unwrap_or(Flavour::Full); // INVARIANT: clap lets only their names through
        let archive = workspace
            .root
            .join(&self.out)
            .join("images")
            .join(flavour.file_name(&config.name, target));
        if !archive.exists() {
            return Err(OciError::NotBuilt(archive.display().to_string()).into());
        }
        let engine = Engine::require(&workspace.log("image"))?;
        let [name, _] = flavour.names(&config.name, target);
        Ok((engine, archive, name))
    }
}
