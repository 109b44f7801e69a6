//! Licence expressions (SPDX, and what older metadata write instead), and which licence of a choice is taken.

/// What crates and wheels write, and the short name that Debian's format has for it: the ones before are taken before the
/// ones behind.
pub const NAMES: [(&str, &str); 12] = [
    ("MIT", "Expat"),
    ("MIT License", "Expat"),
    ("BSD-3-Clause", "BSD-3-Clause"),
    ("BSD License", "BSD-3-Clause"),
    ("BSD", "BSD-3-Clause"),
    ("new BSD", "BSD-3-Clause"),
    ("BSD-2-Clause", "BSD-2-Clause"),
    ("Zlib", "Zlib"),
    ("Apache-2.0", "Apache-2.0"),
    ("Apache Software License", "Apache-2.0"),
    ("The MIT License (Microsoft)", "Expat"),
    ("Unicode-3.0", "Unicode-3.0"),
];

/// The licences that apply, joined by `and`, where a choice is taken; none where one is not known.
pub fn choose(offered: &str) -> Option<String> {
    if let Some(name) = known(offered) {
        return Some(name.1.to_owned());
    }
    let words = words(offered);
    let mut rest = words.as_slice();
    let mut names = alternatives(&mut rest)?;
    names.sort_by_key(|name| name.0);
    names.dedup();
    let names: Vec<&str> = names.into_iter().map(|(_, name)| name).collect();
    rest.is_empty().then(|| names.join(" and "))
}

type Name = (usize, &'static str);

fn known(word: &str) -> Option<Name> {
    let at = NAMES
        .iter()
        .position(|(theirs, _)| *theirs == word.trim())?;
    Some((at, NAMES[at].1))
}

fn words(text: &str) -> Vec<String> {
    let text = text
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    text.split_whitespace().map(str::to_owned).collect()
}

/// `all OR all …`: the best alternative whose licences are all known.
fn alternatives(rest: &mut &[String]) -> Option<Vec<Name>> {
    let mut best: Option<Vec<Name>> = None;
    loop {
        let names = all(rest);
        let rank = |names: &Vec<Name>| names.iter().map(|name| name.0).max();
        if let Some(names) = names {
            let better = best.as_ref().is_none_or(|best| rank(&names) < rank(best));
            if better {
                best = Some(names);
            }
        }
        match rest.split_first() {
            Some((word, after)) if word == "OR" => *rest = after,
            _ => return best,
        }
    }
}

/// `one AND one …`: none where one is not known.
fn all(rest: &mut &[String]) -> Option<Vec<Name>> {
    let mut names = Some(Vec::new());
    loop {
        match (one(rest), names.as_mut()) {
            (Some(more), Some(names)) => names.extend(more),
            _ => names = None,
        }
        match rest.split_first() {
            Some((word, after)) if word == "AND" => *rest = after,
            _ => return names,
        }
    }
}

fn one(rest: &mut &[String]) -> Option<Vec<Name>> {
    let (word, after) = rest.split_first()?;
    *rest = after;
    if word != "(" {
        // A licence with an exception is another licence.
        let licence = match after {
            [with, exception, after @ ..] if with == "WITH" => {
                *rest = after;
                format!("{word} WITH {exception}")
            }
            _ => word.clone(),
        };
        return known(&licence).map(|name| vec![name]);
    }
    let names = alternatives(rest);
    let (word, after) = rest.split_first()?;
    *rest = after;
    (word == ")").then_some(names).flatten()
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn a_choice_is_taken_and_what_applies_together_stays() {
        for (offered, taken) in [
            ("MIT", Some("Expat")),
            ("Apache-2.0 OR MIT", Some("Expat")),
            ("Apache-2.0/MIT", Some("Expat")),
            ("Apache-2.0 OR BSL-1.0", Some("Apache-2.0")),
            ("Unlicense OR MIT", Some("Expat")),
            (
                "(MIT OR Apache-2.0) AND Unicode-3.0",
                Some("Expat and Unicode-3.0"),
            ),
            (
                "CC0-1.0 OR Apache-2.0 OR Apache-2.0 WITH LLVM-exception",
                Some("Apache-2.0"),
            ),
            ("Apache-2.0 WITH LLVM-exception", None),
            ("GPL-3.0 WITH", None),
            ("BSD License", Some("BSD-3-Clause")),
            ("GPL-3.0", None),
            ("MIT AND GPL-3.0", None),
            ("(MIT", None),
            ("", None),
        ] {
            assert_eq!(choose(offered).as_deref(), taken, "{offered}");
        }
    }
}
