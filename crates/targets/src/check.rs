//! What must hold between the parts of `targets.toml`: names are unique, and every reference names something that
//! exists. Errors point at the place in the file.

use std::collections::HashSet;
use std::sync::Arc;

use miette::NamedSource;
use toml::de::{DeTable, DeValue};

use super::error::suggestion;
use super::{FORMAT, Headers, Targets, TargetsError, ToolchainSource};

/// The variables that a seed may use.
const VARIABLES: [&str; 6] = [
    "postgres",
    "python",
    "libpython",
    "openssl",
    "keyring-package",
    "clang",
];

/// A step towards a value: a key, or a place in an array.
enum Step {
    Key(&'static str),
    At(usize),
}

use Step::{At, Key};

struct Checker<'a> {
    name: &'a str,
    text: &'a str,
}

impl Checker<'_> {
    fn wrong<T>(
        &self,
        path: &[Step],
        what: String,
        help: Option<String>,
    ) -> Result<T, TargetsError> {
        Err(TargetsError::Invalid {
            what,
            text: Arc::new(NamedSource::new(self.name, self.text.to_owned())),
            at: self.locate(path).unwrap_or(0..0).into(),
            help,
        })
    }

    /// Where a value stands in the text.
    fn locate(&self, path: &[Step]) -> Option<std::ops::Range<usize>> {
        let table = DeTable::parse(self.text).ok()?;
        let mut span = table.span();
        let mut value = &DeValue::Table(table.into_inner());
        for step in path {
            let next = match (step, value) {
                (Key(key), DeValue::Table(table)) => table.get(*key)?,
                (At(index), DeValue::Array(array)) => array.get(*index)?,
                _ => return None,
            };
            span = next.span();
            value = next.get_ref();
        }
        Some(span)
    }

    fn unique<'n>(
        &self,
        list: &'static str,
        field: &'static str,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<(), TargetsError> {
        let mut seen = HashSet::new();
        for (i, name) in names.enumerate() {
            if !seen.insert(name) {
                let what = format!("a second `{list}` with {field} `{name}`");
                return self.wrong(&[Key(list), At(i), Key(field)], what, None);
            }
        }
        Ok(())
    }

    fn known<'n>(
        &self,
        path: &[Step],
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), TargetsError> {
        if known.clone().any(|k| k == name) {
            return Ok(());
        }
        self.wrong(
            path,
            format!("there is no {kind} `{name}`"),
            suggestion(name, known),
        )
    }
}

/// Checks all of it.
pub(super) fn check(targets: &Targets, name: &str, text: &str) -> Result<(), TargetsError> {
    let c = Checker { name, text };
    if targets.version != FORMAT {
        let what = format!(
            "this is version {} of the format, and this program reads version {FORMAT}",
            targets.version
        );
        return c.wrong(&[Key("version")], what, None);
    }
    if targets.architectures.is_empty() {
        let what = "there is no `architecture` to build for".to_owned();
        return c.wrong(&[Key("architecture")], what, None);
    }
    let architectures = targets.architectures.iter().map(|a| a.name.as_str());
    c.unique("architecture", "name", architectures)?;
    c.unique(
        "archive",
        "name",
        targets.archives.iter().map(|a| a.name.as_str()),
    )?;
    c.unique(
        "distribution",
        "id",
        targets.distributions.iter().map(|d| d.id.as_str()),
    )?;
    let codenames = targets.distributions.iter().map(|d| d.codename.as_str());
    c.unique("distribution", "codename", codenames)?;
    c.unique(
        "role",
        "name",
        targets.roles.iter().map(|r| r.name.as_str()),
    )?;
    archives(targets, &c)?;
    distributions(targets, &c)?;
    majors(targets, &c)?;
    builders(targets, &c)?;
    toolchains(targets, &c)?;
    roles(targets, &c)?;
    chosen(targets, &c)
}

/// The releases and roles that are chosen for one purpose.
fn chosen(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    let roles = targets.roles.iter().map(|role| role.name.as_str());
    let (openblas, crash) = (&targets.openblas, &targets.crash);
    let at = [Key("openblas"), Key("distribution")];
    c.known(&at, "distribution", &openblas.distribution, ids.clone())?;
    c.known(
        &[Key("openblas"), Key("role")],
        "role",
        &openblas.role,
        roles.clone(),
    )?;
    let at = [Key("wheels"), Key("installer")];
    c.known(&at, "distribution", &targets.wheels.installer, ids.clone())?;
    for (name, scene) in [("old", &crash.old), ("new", &crash.new)] {
        let at = [Key("crash"), Key(name), Key("distribution")];
        c.known(&at, "distribution", &scene.distribution, ids.clone())?;
        if targets.major(scene.major).is_none() {
            let what = format!("there is no Postgres major {}", scene.major);
            return c.wrong(&[Key("crash"), Key(name), Key("major")], what, None);
        }
    }
    c.known(
        &[Key("crash"), Key("role")],
        "role",
        &crash.role,
        roles.clone(),
    )?;
    let at = [Key("crash"), Key("static-role")];
    c.known(&at, "role", &crash.static_role, roles)
}

fn archives(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let names = targets.archives.iter().map(|a| a.name.as_str());
    for (i, archive) in targets.archives.iter().enumerate() {
        if let Some(of) = &archive.snapshot_of {
            let path = [Key("archive"), At(i), Key("snapshot-of")];
            c.known(&path, "archive", of, names.clone())?;
        }
        if let Some(of) = &archive.old_of {
            let path = [Key("archive"), At(i), Key("old-of")];
            c.known(&path, "archive", of, names.clone())?;
        }
    }
    for (i, other) in targets.other_majors.iter().enumerate() {
        let path = [Key("other-majors"), At(i), Key("archive")];
        c.known(&path, "archive", &other.archive, names.clone())?;
    }
    other_majors(targets, c)
}

fn other_majors(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    for (i, other) in targets.other_majors.iter().enumerate() {
        let at = |field, j| [Key("other-majors"), At(i), Key(field), At(j)];
        for (j, id) in other.distributions.iter().enumerate() {
            c.known(&at("distributions", j), "distribution", id, ids.clone())?;
        }
        for (j, major) in other.majors.iter().enumerate() {
            if targets.major(*major).is_none() {
                let what = format!("there is no `major` with version {major}");
                return c.wrong(&at("majors", j), what, None);
            }
        }
    }
    Ok(())
}

fn builders(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    if targets.builders.is_empty() {
        let what = "there is no `builder` to compile in".to_owned();
        return c.wrong(&[Key("builder")], what, None);
    }
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    for (i, builder) in targets.builders.iter().enumerate() {
        let path = [Key("builder"), At(i), Key("distribution")];
        c.known(&path, "distribution", &builder.distribution, ids.clone())?;
    }
    Ok(())
}

fn toolchains(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let names = targets.toolchains.iter().map(|t| t.name.as_str());
    c.unique("toolchain", "name", names)?;
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    let roles = targets.roles.iter().map(|role| role.name.as_str());
    for (i, toolchain) in targets.toolchains.iter().enumerate() {
        let at = |field| [Key("toolchain"), At(i), Key(field)];
        let ToolchainSource::Packages {
            distribution,
            role,
            library,
        } = &toolchain.source
        else {
            continue;
        };
        c.known(
            &at("distribution"),
            "distribution",
            distribution,
            ids.clone(),
        )?;
        c.known(&at("role"), "role", role, roles.clone())?;
        c.known(&at("library"), "role", library, roles.clone())?;
    }
    Ok(())
}

fn distributions(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let archives = targets.archives.iter().map(|a| a.name.as_str());
    for (i, d) in targets.distributions.iter().enumerate() {
        let at = |field| [Key("distribution"), At(i), Key(field)];
        if d.id.contains("-pg") || d.id.contains(['*', '/', ' ']) {
            let what = format!("`{}` can't be a distribution's id", d.id);
            return c.wrong(&at("id"), what, None);
        }
        let oldest = targets.majors.iter().map(|m| m.version).min().unwrap_or(0);
        if d.postgres >= oldest && targets.major(d.postgres).is_none() {
            let what = format!("there is no Postgres major {}", d.postgres);
            return c.wrong(&at("postgres"), what, None);
        }
        let own = format!("libpython{}", d.python);
        if !d.libpython.starts_with(&own) {
            let what = format!(
                "`{}` is not the libpython of Python {}",
                d.libpython, d.python
            );
            return c.wrong(&at("libpython"), what, Some(format!("`{own}`?")));
        }
        if !d.suites.iter().any(|suite| suite.kind.is_release()) {
            let what = format!("{} has no suite of the release itself", d.title);
            return c.wrong(&at("suite"), what, None);
        }
        for (j, suite) in d.suites.iter().enumerate() {
            let path = [
                Key("distribution"),
                At(i),
                Key("suite"),
                At(j),
                Key("archive"),
            ];
            c.known(&path, "archive", &suite.archive, archives.clone())?;
        }
    }
    Ok(())
}

fn majors(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    let mut seen = HashSet::new();
    for (i, major) in targets.majors.iter().enumerate() {
        if !seen.insert(major.version) {
            let what = format!("a second `major` with version {}", major.version);
            return c.wrong(&[Key("major"), At(i), Key("version")], what, None);
        }
        for (j, headers) in major.headers.iter().enumerate() {
            let at = |field| [Key("major"), At(i), Key("headers"), At(j), Key(field)];
            let (distribution, package) = match headers {
                Headers::Package {
                    distribution,
                    package,
                    ..
                } => (distribution, package),
                Headers::Wheel { architectures, .. } => {
                    let known = targets.architectures.iter().map(|a| a.name.as_str());
                    for name in architectures {
                        c.known(&at("architectures"), "architecture", name, known.clone())?;
                    }
                    continue;
                }
            };
            c.known(
                &at("distribution"),
                "distribution",
                distribution,
                ids.clone(),
            )?;
            if !package.ends_with(&format!("-{}", major.version)) {
                let what = format!(
                    "`{package}` does not have the headers of Postgres {}",
                    major.version
                );
                return c.wrong(&at("package"), what, None);
            }
        }
    }
    Ok(())
}

fn roles(targets: &Targets, c: &Checker<'_>) -> Result<(), TargetsError> {
    let ids = targets.distributions.iter().map(|d| d.id.as_str());
    for (i, role) in targets.roles.iter().enumerate() {
        let at = |field, j| [Key("role"), At(i), Key(field), At(j)];
        for (j, id) in role.distributions.iter().enumerate() {
            c.known(&at("distributions", j), "distribution", id, ids.clone())?;
        }
        for id in role.also.keys() {
            let path = [Key("role"), At(i), Key("also")];
            c.known(&path, "distribution", id, ids.clone())?;
        }
        let architectures = targets.architectures.iter().map(|a| a.name.as_str());
        for (j, name) in role.architectures.iter().enumerate() {
            c.known(
                &at("architectures", j),
                "architecture",
                name,
                architectures.clone(),
            )?;
        }
        // Only roles before this one, so that nothing can go round in a circle.
        let earlier = targets.roles[..i].iter().map(|r| r.name.as_str());
        for (j, name) in role.beyond.iter().enumerate() {
            c.known(&at("beyond", j), "earlier role", name, earlier.clone())?;
        }
        for (j, seed) in role.seeds.iter().enumerate() {
            for variable in seed.split('{').skip(1).filter_map(|s| s.split('}').next()) {
                c.known(&at("seeds", j), "variable", variable, VARIABLES.into_iter())?;
            }
        }
    }
    Ok(())
}
