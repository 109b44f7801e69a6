//! The differences between the surroundings of the second build and of this process, measured by one script in both.

use std::fmt;
use std::path::Path;
use std::process::Command;

use schemars::JsonSchema;
use serde::Serialize;

use base::exit::Failure;
use base::files::FileError;
use base::sandbox::Sandbox;

use super::elsewhere::{AHEAD, Elsewhere};

/// Whether something was made different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state", content = "how")]
pub enum State {
    /// The second build saw another value; both values, or the distance.
    Varied(String),
    /// It was not; why.
    NotVaried(String),
}

/// One circumstance of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Variation {
    /// What it is: `umask`.
    pub name: String,
    /// Whether it was varied.
    #[serde(flatten)]
    pub state: State,
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Varied(how) => write!(f, "varied: {}: {how}", self.name),
            State::NotVaried(why) => write!(f, "not varied: {}, because {why}", self.name),
        }
    }
}

/// Prints what a program sees: one fact a line, in the order of [`FACTS`].
const PROBE: &str = r#"
id -u
umask
cat /proc/sys/kernel/hostname
echo "${LC_ALL:-${LANG:-none}}"
date +%z
nproc
echo "$(tail -n +3 /proc/net/dev | grep -vc '^ *lo:')"
date +%s
"#;
/// What the lines of [`PROBE`] are, but the last, which is the clock.
const FACTS: [(&str, &str); 7] = [
    ("user", "user id"),
    ("umask", "umask"),
    ("host", "host name"),
    ("locale", "locale"),
    ("zone", "time zone"),
    ("processors", "processors, and with them the number of jobs"),
    ("network", "network interfaces"),
];
/// What one machine can't make different.
const NEVER: [(&str, &str); 2] = [
    (
        "clock while packages are installed into root file systems",
        "they run programs of their own there; no artifact is made in that step",
    ),
    (
        "processor model, kernel and file system",
        "one machine has one of each; build on another one and compare with `--from`",
    ),
];

/// Whether no machine can vary something.
pub fn never_varies(name: &str) -> bool {
    NEVER.iter().any(|(never, _)| *never == name)
}

fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(|line| line.trim().to_owned()).collect()
}

impl Elsewhere {
    /// Measures the differences between the second build's surroundings and this process's. The clock in sandboxes is
    /// measured in a sandbox of `builder`.
    pub fn variations(&self, builder: &Path, log: &Path) -> Result<Vec<Variation>, Failure> {
        self.chown_to_builder(log)?;
        let here = Command::new("sh")
            .args(["-uc", PROBE])
            .output()
            .map_err(FileError::at("run", "sh"))?;
        let here = lines(&here.stdout);
        let there = lines(&self.program(["sh", "-uc", PROBE]).output(log)?);
        let sandbox = Sandbox::new(builder)
            .program(["date", "+%s"])
            .command_line();
        let sandbox = lines(&self.program(sandbox).output(log)?);
        let mut found = vec![Variation {
            name: "path".into(),
            state: State::Varied(format!(
                "{}, its files in another order and with other times",
                self.mounted_path("source").display()
            )),
        }];
        let reasons = self.reasons();
        let why = |key: &str| {
            let known = reasons.iter().find(|(name, _)| *name == key);
            let known = known.and_then(|(_, why)| *why);
            known.unwrap_or("only root can make it another, or it was so before")
        };
        found.extend(differences(&here, &there, &why));
        found.push(clock("clock", here.last(), there.last(), why("clock")));
        found.push(clock(
            "clock in the sandboxes where artifacts are made",
            here.last(),
            sandbox.last(),
            why("clock"),
        ));
        let never = NEVER.iter().map(|(name, why)| Variation {
            name: (*name).into(),
            state: State::NotVaried((*why).into()),
        });
        found.extend(never);
        Ok(found)
    }
}

/// Compares the output of the probe in both builds, except for the clock.
fn differences<'a>(
    here: &'a [String],
    there: &'a [String],
    why: &'a dyn Fn(&str) -> &'a str,
) -> impl Iterator<Item = Variation> + 'a {
    FACTS.iter().enumerate().map(move |(line, (key, name))| {
        let (here, there) = (here.get(line), there.get(line));
        Variation {
            name: (*name).into(),
            state: match (here, there) {
                (Some(here), Some(there)) if here != there => {
                    State::Varied(format!("{there} instead of {here}"))
                }
                _ => State::NotVaried(why(key).into()),
            },
        }
    })
}

/// Compares two clocks, which were read some seconds apart.
fn clock(name: &str, here: Option<&String>, there: Option<&String>, why: &str) -> Variation {
    let seconds = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok());
    let ahead = match (seconds(here), seconds(there)) {
        (Some(here), Some(there)) => there.saturating_sub(here),
        _ => 0,
    };
    Variation {
        name: name.into(),
        state: match ahead > AHEAD / 2 {
            true => State::Varied(format!("{} days ahead", ahead / 86_400)),
            false => State::NotVaried(why.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_is_the_same_is_not_called_varied() {
        let here = text(&["0", "0022", "here", "C", "+0000", "2", "1", "1000"]);
        let there = text(&["4217", "0022", "there", "C", "+1400", "2", "0", "1000"]);
        let why = |key: &str| match key {
            "processors" => "there is one",
            _ => "so",
        };
        let found: Vec<Variation> = differences(&here, &there, &why).collect();
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "varied: user id: 4217 instead of 0");
        assert_eq!(words[1], "not varied: umask, because so");
        assert_eq!(words[4], "varied: time zone: +1400 instead of +0000");
        assert!(words[5].ends_with("because there is one"), "{words:?}");
        // A probe without output has measured no variation.
        let silent: Vec<Variation> = differences(&here, &[], &why).collect();
        assert!(
            silent
                .iter()
                .all(|v| matches!(v.state, State::NotVaried(_)))
        );
    }

    #[test]
    fn a_clock_that_only_ran_on_is_not_varied() {
        let at = |seconds: u64| seconds.to_string();
        let state = |there: u64| clock("clock", Some(&at(1000)), Some(&at(there)), "why").state;
        assert_eq!(state(1060), State::NotVaried("why".into()));
        assert_eq!(state(1002 + AHEAD), State::Varied("400 days ahead".into()));
    }
}
