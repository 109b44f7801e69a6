//! Licence expressions (SPDX, and what older metadata write instead), and which licence of a choice applies to a package.

use spdx::expression::{ExprNode, Operator};
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

/// The names that crates and wheels write, each with the short name of Debian's format. Of a choice, the licence that stands
/// first here applies.
pub const NAMES: [(&str, &str); 14] = [
    ("MIT", "Expat"),
    ("MIT License", "Expat"),
    ("BSD-3-Clause", "BSD-3-Clause"),
    ("BSD License", "BSD-3-Clause"),
    ("BSD", "BSD-3-Clause"),
    // python-dateutil 3: its LICENSE offers either.
    ("BSD License; Apache Software License", "BSD-3-Clause"),
    ("new BSD", "BSD-3-Clause"),
    ("BSD-2-Clause", "BSD-2-Clause"),
    ("Zlib", "Zlib"),
    ("Apache-2.0", "Apache-2.0"),
    ("Apache Software License", "Apache-2.0"),
    ("Apache License, Version 2.0", "Apache-2.0"),
    ("The MIT License (Microsoft)", "Expat"),
    ("Unicode-3.0", "Unicode-3.0"),
];

/// What occurs in metadata: names that SPDX does not have, names that it no longer wants, and a slash for `OR`.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: true,
    allow_unknown: true,
    allow_deprecated: true,
    ..ParseMode::STRICT
};

/// The licences that apply after each choice, joined by `and`. `None` if the text can't be read, or if every alternative
/// has a licence that [`NAMES`] does not have.
pub fn choose(offered: &str) -> Option<String> {
    if let Some((_, name)) = known(offered.trim()) {
        return Some(name.to_owned());
    }
    let expression = Expression::parse_mode(offered, MODE).ok()?;
    // The nodes come in postfix order: the two operands of an operator are the last two on the stack.
    let mut stack: Vec<Option<Vec<Name>>> = Vec::new();
    for node in expression.iter() {
        let value = match node {
            ExprNode::Req(licence) if !is_plain(&licence.req) => None,
            ExprNode::Req(licence) => {
                let span = licence.span.start as usize..licence.span.end as usize;
                offered.get(span).and_then(known).map(|name| vec![name])
            }
            ExprNode::Op(operator) => {
                let (second, first) = (stack.pop()?, stack.pop()?);
                match operator {
                    Operator::And => first.zip(second).map(|(one, other)| [one, other].concat()),
                    Operator::Or => better(first, second),
                }
            }
        };
        stack.push(value);
    }
    let mut names = stack.pop()??;
    names.sort_by_key(|name| name.0);
    names.dedup();
    let names: Vec<&str> = names.into_iter().map(|(_, name)| name).collect();
    Some(names.join(" and "))
}

/// A position in [`NAMES`] and the short name there.
type Name = (usize, &'static str);

/// Whether it is a licence and nothing more: one with an exception, or "or later", is another licence.
fn is_plain(licence: &LicenseReq) -> bool {
    let or_later = matches!(licence.license, LicenseItem::Spdx { or_later: true, .. });
    licence.addition.is_none() && !or_later
}

fn known(licence: &str) -> Option<Name> {
    let at = NAMES.iter().position(|(theirs, _)| *theirs == licence)?;
    Some((at, NAMES[at].1))
}

/// The alternative whose least welcome licence stands earlier in [`NAMES`]; the first of two equal ones.
fn better(first: Option<Vec<Name>>, second: Option<Vec<Name>>) -> Option<Vec<Name>> {
    let rank = |names: &Vec<Name>| names.iter().map(|name| name.0).max();
    [first, second].into_iter().flatten().min_by_key(rank)
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
            ("Apache-2.0+", None),
            ("MIT OR Proprietary", Some("Expat")),
            ("Proprietary OR BSD", Some("BSD-3-Clause")),
            (
                "MIT AND (Apache-2.0 OR GPL-3.0)",
                Some("Expat and Apache-2.0"),
            ),
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
