//! Reads the universal list of wheels that uv makes: for each name the versions, each with a marker that says for which
//! Pythons, and the hashes of its files.

use super::LockError;
use crate::Dotted;
use base::digest::Digest;

/// A project's version that a Python needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wanted {
    /// The name of the project, as the list spells it.
    pub name: String,
    /// The only version that is taken.
    pub version: String,
    /// The digests of the files that may be taken; where empty the lock takes what the index has, and pins that.
    pub hashes: Vec<Digest>,
}

/// The entries of the list `text` that a Python on a `machine` (`x86_64`) needs. `file` is the list's name in errors.
pub fn wanted(
    file: &str,
    text: &str,
    python: &Dotted,
    machine: &str,
) -> Result<Vec<Wanted>, LockError> {
    let mut found = Vec::new();
    for (number, line) in logical_lines(text) {
        let wrong = |what: String| LockError::Requirements {
            file: file.to_owned(),
            line: number,
            what,
        };
        let mut parts = line.split("--hash=");
        let head = parts.next().unwrap_or_default();
        let (requirement, marker) = head.split_once(';').unwrap_or((head, ""));
        let Some((name, version)) = requirement.trim().split_once("==") else {
            return Err(wrong(format!(
                "`{}` is not NAME==VERSION",
                requirement.trim()
            )));
        };
        if !applies(marker.trim(), python, machine).map_err(wrong)? {
            continue;
        }
        let hashes: Result<Vec<Digest>, String> = parts
            .map(|hash| hash.trim().trim_start_matches("sha256:").parse())
            .collect();
        let hashes = hashes.map_err(wrong)?;
        if hashes.is_empty() {
            return Err(wrong(format!("`{name}` has no hashes")));
        }
        found.push(Wanted {
            name: name.to_owned(),
            version: version.to_owned(),
            hashes,
        });
    }
    if found.is_empty() {
        return Err(LockError::Requirements {
            file: file.to_owned(),
            line: 1,
            what: format!("nothing in it is for Python {python}"),
        });
    }
    Ok(found)
}

/// Lines without comments, with those that a backslash continues joined, and the number of their first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') || (line.is_empty() && !continued) {
            continue;
        }
        let body = line.trim_end_matches('\\').trim_end();
        match lines.last_mut() {
            Some((_, last)) if continued => {
                last.push(' ');
                last.push_str(body);
            }
            _ => lines.push((i + 1, body.to_owned())),
        }
        continued = line.ends_with('\\');
    }
    lines
}

/// Whether a marker holds for a Python. Installers judge markers by the Python that runs them, so we must.
fn applies(marker: &str, python: &Dotted, machine: &str) -> Result<bool, String> {
    if marker.is_empty() {
        return Ok(true);
    }
    if marker.contains(['(', ')']) {
        return Err(format!(
            "can't judge the marker `{marker}`: it has parentheses"
        ));
    }
    let mut any = false;
    for alternative in marker.split(" or ") {
        let mut all = true;
        for comparison in alternative.split(" and ") {
            all &= compare(comparison.trim(), python, machine)?;
        }
        any |= all;
    }
    Ok(any)
}

fn compare(comparison: &str, python: &Dotted, machine: &str) -> Result<bool, String> {
    let cannot = || format!("can't judge the marker `{comparison}`");
    let words: Vec<&str> = comparison.split_whitespace().collect();
    let [variable, operator, literal] = words[..] else {
        return Err(cannot());
    };
    let literal = literal.trim_matches(['\'', '"']);
    let fixed = match variable {
        "sys_platform" => Some("linux"),
        "platform_system" => Some("Linux"),
        "platform_machine" => Some(machine),
        "platform_python_implementation" => Some("CPython"),
        "implementation_name" => Some("cpython"),
        "os_name" => Some("posix"),
        "python_version" | "python_full_version" => None,
        _ => return Err(cannot()),
    };
    if let Some(value) = fixed {
        return match operator {
            "==" => Ok(value == literal),
            "!=" => Ok(value != literal),
            _ => Err(cannot()),
        };
    }
    let than: Dotted = literal
        .trim_end_matches(".*")
        .parse()
        .map_err(|_| cannot())?;
    // A lock is for every 3.11.x, so a marker that tells 3.11.4 from 3.11.5 has no answer.
    if than.parts().len() != 2 {
        return Err(cannot());
    }
    match operator {
        "==" => Ok(*python == than),
        "!=" => Ok(*python != than),
        "<" => Ok(*python < than),
        ">=" => Ok(*python >= than),
        // 3.11.4 is greater than 3.11, and not less or equal: these two need the patch level.
        _ => Err(cannot()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn versions(text: &str, python: &str) -> Result<Vec<String>, LockError> {
        let wanted = wanted(
            "requirements.lock",
            text,
            &python.parse().unwrap(),
            "x86_64",
        )?;
        Ok(wanted
            .iter()
            .map(|w| format!("{} {}", w.name, w.version))
            .collect())
    }

    #[test]
    fn picks_what_a_python_needs() {
        let text = format!(
            "# made by uv\n\nnumpy==1.24.4 ; python_full_version < '3.9' \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{HASH}\n\
             numpy==2.0.2 ; python_full_version == '3.9.*' \\\n    --hash=sha256:{HASH}\n\
             numpy==2.2.6 ; python_full_version >= '3.10' and python_full_version < '3.12' \\\n    --hash=sha256:{HASH}\n\
             joblib==1.0 \\\n    --hash=sha256:{HASH}\n"
        );
        assert_eq!(
            versions(&text, "3.8").unwrap(),
            ["numpy 1.24.4", "joblib 1.0"]
        );
        assert_eq!(
            versions(&text, "3.9").unwrap(),
            ["numpy 2.0.2", "joblib 1.0"]
        );
        assert_eq!(
            versions(&text, "3.11").unwrap(),
            ["numpy 2.2.6", "joblib 1.0"]
        );
        assert_eq!(versions(&text, "3.12").unwrap(), ["joblib 1.0"]);
        let both = wanted("f", &text, &"3.8".parse().unwrap(), "x86_64").unwrap();
        assert_eq!(both[0].hashes.len(), 2);
    }

    #[test]
    fn a_marker_may_ask_for_the_machine() {
        let text = format!(
            "a==1 ; platform_machine == 'aarch64' --hash=sha256:{HASH}\n\
             b==1 ; platform_machine != 'aarch64' --hash=sha256:{HASH}\n"
        );
        let on = |machine: &str| {
            let found = wanted("f", &text, &"3.11".parse().unwrap(), machine).unwrap();
            found.into_iter().map(|w| w.name).collect::<Vec<_>>()
        };
        assert_eq!(on("aarch64"), ["a"]);
        assert_eq!(on("x86_64"), ["b"]);
    }

    #[test]
    fn refuses_what_it_cannot_judge_and_names_the_line() {
        for wrong in [
            format!("a==1 ; python_full_version < '3.9.5' --hash=sha256:{HASH}"),
            format!("a==1 ; extra == 'x' --hash=sha256:{HASH}"),
            format!("a==1 ; (sys_platform == 'linux') --hash=sha256:{HASH}"),
            format!("a>=1 --hash=sha256:{HASH}"),
            "a==1".to_owned(),
            "a==1 --hash=sha256:12".to_owned(),
        ] {
            let error = versions(&format!("\n{wrong}\n"), "3.9").unwrap_err();
            assert!(
                error.to_string().starts_with("requirements.lock, line 2: "),
                "{error}"
            );
        }
        assert!(versions("# nothing\n", "3.9").is_err());
    }
}
