//! The command line of the program behind `cargo xtask publish` and `cargo xtask verify --provenance REGISTRY/IMAGE`.

use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use base::exit::{Exit, Failure};
use base::progress::Listener;
use base::workspace::Workspace;
use base::{json, output};
use publisher::publish::{self, Options, Place};
use publisher::sign::key::{self, Key, PublicKey};
use publisher::verify;

/// Push a release to registries and servers, and check what is there
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 110
)]
pub struct Cli {
    /// The source tree
    #[arg(long, hide = true)]
    source: PathBuf,
    /// Where logs are kept
    #[arg(long, hide = true)]
    cache: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Publish(Publish),
    Verify(Verify),
}

/// Push the images of a release to a registry, and copy its apt repository to a server
///
/// One index for each tag, with the images of all architectures that were built; SBOM and provenance refer to each
/// image. What is there already is not uploaded again, so that the same command goes on after a failure. Credentials
/// are those of `docker login`, `podman login`, `skopeo login` and `oras login`.
#[derive(clap::Args)]
#[command(
    help_template = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}",
    before_help = "Example: COSIGN_PASSWORD=… cargo xtask publish --to registry.example.org/team --key cosign.key --apt www@packages.example.org:/srv/pgml"
)]
struct Publish {
    /// The release
    #[arg(long, default_value = "dist", value_name = "DIR")]
    from: PathBuf,
    /// Push the images there: images are called `REGISTRY/NAMESPACE/pgml`
    #[arg(long, value_name = "REGISTRY/NAMESPACE")]
    to: Option<String>,
    /// Copy the apt repository there: a directory, `user@host:/path` (by rsync), or `s3://bucket/path` (by the AWS
    /// client)
    #[arg(long, value_name = "DESTINATION")]
    apt: Option<String>,
    /// Sign images, and statements about them, with this key, as cosign does; COSIGN_PASSWORD is its password
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write a signature for `cosign verify-blob` of each file of the release into this directory
    #[arg(long, value_name = "DIR", requires = "key")]
    signatures: Option<PathBuf>,
    /// Upload and install nothing: tell what would be uploaded
    #[arg(long)]
    dry_run: bool,
    /// Publish a release from inputs for development, or signed by the local key, all the same
    #[arg(long)]
    development: bool,
    /// Publish an apt repository that users with the published keyring can't read, or whose keyring lacks one of its keys
    #[arg(long, requires = "apt")]
    replace_keyring: bool,
    /// The registry has no TLS (one on this machine needs no option)
    #[arg(long)]
    plain_http: bool,
    /// Print one JSON document (schema: docs/schema/publish.json)
    #[arg(long)]
    json: bool,
}

/// Check an image in a registry
#[derive(clap::Args)]
struct Verify {
    /// The image: `registry.example.org/team/pgml:16`, or with `@sha256:…`
    image: String,
    /// The public key of who should have signed it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The registry has no TLS
    #[arg(long)]
    plain_http: bool,
    /// Print one JSON document (schema: docs/schema/provenance.json)
    #[arg(long)]
    json: bool,
}

/// Lines on standard error.
struct Lines;

impl Listener for Lines {
    fn started(&self, job: &str, what: &str) {
        eprintln!("{job}: {what}");
    }
    fn progress(&self, job: &str, line: &str) {
        eprintln!("{job}: {line}");
    }
    fn finished(&self, job: &str, how: &str) {
        eprintln!("{job}: {how}");
    }
    fn note(&self, line: &str) {
        eprintln!("{line}");
    }
}

impl Cli {
    /// Runs the command that the arguments name.
    pub fn run(self) -> Result<(), Failure> {
        let workspace = Workspace {
            root: self.source,
            cache: self.cache,
        };
        match self.command {
            Command::Publish(args) => args.run(&workspace),
            Command::Verify(args) => args.run(&workspace),
        }
    }
}

impl Publish {
    fn run(self, workspace: &Workspace) -> Result<(), Failure> {
        let password = std::env::var(key::PASSWORD).ok();
        let key = self.key.as_deref();
        let key = key.map(|file| Key::load(file, password.as_deref()));
        let key = key.transpose()?;
        let place = self.to.as_deref().map(Place::parse).transpose()?;
        let document = publish::publish(
            &Options {
                release: &workspace.root.join(&self.from),
                to: place.as_ref(),
                plain_http: self.plain_http,
                apt: self.apt.as_deref(),
                key: key.as_ref(),
                signatures: self.signatures.as_deref(),
                dry_run: self.dry_run,
                development: self.development,
                replace_keyring: self.replace_keyring,
            },
            workspace,
            &Lines,
        )?;
        print(match self.json {
            true => json::document(&document),
            false => document.to_string(),
        })
    }
}

impl Verify {
    fn run(self, workspace: &Workspace) -> Result<(), Failure> {
        let key = self.key.as_deref().map(PublicKey::load).transpose()?;
        let document = verify::verify(&self.image, self.plain_http, key.as_ref(), workspace)?;
        print(match self.json {
            true => json::document(&document),
            false => document.to_string(),
        })?;
        match document.holds {
            true => Ok(()),
            false => Err(Failure::already_reported(Exit::CheckFailed)),
        }
    }
}

fn print(text: String) -> Result<(), Failure> {
    output::write(io::stdout(), &text)
}
