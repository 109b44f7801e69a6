//! Publishing: without a login, dry, whole, again, and after it was interrupted.

use std::time::{Duration, Instant};

use base::exit::Failure;
use base::files;
use base::process::both;
use build::oci::Flavour;

use super::place::{HOST, RegistryTest};
use crate::cases::{Cases, ensure};

/// The namespace that the cases publish into.
pub const TEAM: &str = "team";

impl RegistryTest<'_> {
    pub(super) fn writing(&self, cases: &mut Cases<'_>) {
        cases.run("without a login it says how to log in", || {
            let release = self.release.display().to_string();
            let to = format!("{HOST}/{TEAM}");
            let args = ["publish", "--development", "--from", &release, "--to", &to];
            let output = self.xtask(&args, false)?;
            let said = both(&output);
            ensure(
                output.status.code() == Some(3) && said.contains("docker login"),
                || said,
            )
        });
        cases.run("--dry-run counts everything and uploads nothing", || {
            let before = self.writes()?;
            let document = self.publish("dry", &["--dry-run"])?;
            let blobs = document["uploaded"]["blobs"].as_u64().unwrap_or_default();
            ensure(blobs > 5 && self.writes()? == before, || {
                document.to_string()
            })
        });
        let published = cases.run(
            "a release is pushed, signed, and its passwords are nowhere",
            || {
                let document = self.publish(TEAM, &[])?;
                self.ensure_secret(&document.to_string())?;
                ensure(self.writes()? > 10, || document.to_string())?;
                Ok(document)
            },
        );
        let Some(published) = published else { return };
        cases.note(&format!("uploaded {}", published["uploaded"]));
        cases.run("the second push uploads nothing", || {
            let before = self.writes()?;
            let again = self.publish(TEAM, &[])?;
            let uploaded = &again["uploaded"];
            ensure(uploaded["blobs"] == 0 && uploaded["manifests"] == 0, || {
                again.to_string()
            })?;
            ensure(self.writes()? == before, || {
                "the registry was written to".into()
            })?;
            ensure(again["images"] == published["images"], || again.to_string())
        });
        cases.run("each image has the tags of the page", || self.tags());
        cases.run("a push that was interrupted goes on where it was", || {
            self.interrupted()
        });
        cases.run("a release with a changed image is refused", || {
            self.changed()
        });
        cases.run(
            "the apt repository is copied in two steps, and again without a change",
            || self.apt(),
        );
    }

    fn tags(&self) -> Result<(), Failure> {
        let list = self.tool(&[
            "skopeo",
            "list-tags",
            "--tls-verify=false",
            &format!("docker://{HOST}/{TEAM}/pgml"),
        ])?;
        let (major, version) = (self.target.major, env!("CARGO_PKG_VERSION"));
        let release = &self.target.distribution.release;
        for suffix in ["", "-slim"] {
            for tag in [
                format!("{major}-{version}-{release}{suffix}"),
                format!("{major}-{release}{suffix}"),
                format!("{major}-{version}{suffix}"),
                format!("{major}{suffix}"),
            ] {
                ensure(list.contains(&format!("\"{tag}\"")), || {
                    format!("no {tag} in {list}")
                })?;
            }
        }
        Ok(())
    }

    /// Kills a push once the registry has a blob of it, and pushes again.
    fn interrupted(&self) -> Result<(), Failure> {
        let before = self.writes()?;
        let release = self.release.display().to_string();
        let to = format!("{HOST}/interrupted");
        let args = ["publish", "--development", "--from", &release, "--to", &to];
        let child = self.started(&args)?;
        let began = Instant::now();
        while self.writes()? < before + 4 && began.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(child);
        let document = self.publish("interrupted", &[])?;
        let uploaded = &document["uploaded"];
        let whole = self.publish("interrupted", &["--dry-run"])?;
        ensure(
            uploaded["present"].as_u64() > Some(0) && uploaded["blobs"].as_u64() > Some(0),
            || document.to_string(),
        )?;
        ensure(whole["uploaded"]["blobs"] == 0, || whole.to_string())
    }

    /// A release whose image is not the one that was built.
    fn changed(&self) -> Result<(), Failure> {
        let copy = self.scratch.join("changed");
        for name in ["manifest.json", "provenance/statement.intoto.json"] {
            files::copy(&self.release.join(name), &copy.join(name))?;
        }
        let images = self.release.join("images");
        for file in files::files_below(&images)? {
            let mut bytes = files::read(&images.join(&file))?;
            let last = bytes.len() / 2;
            bytes[last] ^= 1;
            files::write(&copy.join("images").join(&file), bytes)?;
        }
        let from = copy.display().to_string();
        let to = format!("{HOST}/changed");
        let args = ["publish", "--development", "--from", &from, "--to", &to];
        let output = self.xtask(&args, true)?;
        files::remove_dir(&copy)?;
        let said = both(&output);
        let expected = "is not the file that";
        ensure(
            output.status.code() == Some(1) && said.contains(expected),
            || said,
        )
    }

    fn apt(&self) -> Result<(), Failure> {
        let release = self.release.display().to_string();
        let server = self.scratch.join("server");
        let to = server.display().to_string();
        let args = ["publish", "--development", "--from", &release, "--apt", &to];
        for _ in 0..2 {
            let output = self.xtask(&args, true)?;
            ensure(output.status.success(), || both(&output))?;
        }
        let own = self.release.join("apt");
        ensure(
            files::files_below(&server)? == files::files_below(&own)?,
            || "the copy has other files".into(),
        )
    }

    /// The full image's name, for the cases that read.
    pub(super) fn full(&self) -> String {
        self.image(TEAM, Flavour::Full)
    }
}
