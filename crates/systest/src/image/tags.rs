//! The image names that loading the images under test takes in the user's engine. Other images may have had these names:
//! they get them back at the end.

use std::path::Path;

use base::exit::Failure;
use build::oci::engine::Engine;

/// Names, with the image that each had before.
pub struct Tags<'a> {
    engine: &'a Engine,
    before: Vec<(String, Option<String>)>,
    log: &'a Path,
}

/// The id of the image that has a name now.
fn id(engine: &Engine, name: &str, log: &Path) -> Result<Option<String>, Failure> {
    let args = ["images", "--quiet", "--no-trunc", name];
    let output = engine.call().args(args).output(log)?;
    let ids = String::from_utf8_lossy(&output);
    Ok(ids.lines().next().map(|id| id.trim().to_owned()))
}

impl<'a> Tags<'a> {
    /// Notes what has these names.
    pub fn of(engine: &'a Engine, names: Vec<String>, log: &'a Path) -> Result<Self, Failure> {
        let before = names.into_iter().map(|name| {
            let id = id(engine, &name, log)?;
            Ok((name, id))
        });
        Ok(Self {
            engine,
            before: before.collect::<Result<_, Failure>>()?,
            log,
        })
    }

    /// The names that don't mean what they did.
    pub fn changed(&self) -> Result<Vec<&str>, Failure> {
        let mut changed = Vec::new();
        for (name, before) in &self.before {
            if id(self.engine, name, self.log)? != *before {
                changed.push(name.as_str());
            }
        }
        Ok(changed)
    }

    /// Gives the names back, and removes the images that had none before.
    pub fn restore(&self) -> Result<(), Failure> {
        let call = |args: &[&str]| self.engine.call().args(args).output(self.log).map(drop);
        let mut replaced = Vec::new();
        for (name, before) in &self.before {
            match (id(self.engine, name, self.log)?, before) {
                (Some(now), Some(before)) if now != *before => {
                    call(&["tag", before, name])?;
                    replaced.push(now);
                }
                // With its last name the image goes too.
                (Some(_), None) => call(&["rmi", name])?,
                _ => {}
            }
        }
        for image in replaced {
            // An image that still has another name belongs to the user.
            let _ = call(&["rmi", &image]);
        }
        Ok(())
    }
}

impl Drop for Tags<'_> {
    fn drop(&mut self) {
        // A test that ends early gives the names back as well. The test that checks the result has called this before.
        let _ = self.restore();
    }
}
