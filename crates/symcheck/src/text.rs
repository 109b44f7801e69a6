//! What people read of a report: a table of the rules, then every finding with its reason and what to do.

use std::fmt::{self, Display, Formatter};

use super::report::{Document, Finding, Report, Status, Verdict};
use super::rules::Rule;

/// How many symbols of a finding are shown. The JSON document has all.
const SHOWN: usize = 6;

/// How many files that are no libraries are shown. The JSON document has all.
const LEFT_OUT: usize = 20;

/// All of a document, behind the explanation of a rule that is to be explained.
pub fn of_document(document: &Document, explained: Option<Rule>) -> String {
    let mut out = explained.map(explanation).unwrap_or_default();
    for report in &document.libraries {
        out.push_str(&Text { report, explained }.to_string());
    }
    out.push_str(&Unjudged(document).to_string());
    out
}

/// When a rule holds, why it is one, and what to do where it does not.
pub fn explanation(rule: Rule) -> String {
    Explained(rule).to_string()
}

/// Shows which files of a document have no report, and why.
struct Unjudged<'a>(&'a Document);

impl Display for Unjudged<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Document {
            refused, left_out, ..
        } = self.0;
        for file in refused {
            writeln!(
                out,
                "{}\n  FAILED: it can't be judged: {}\n",
                file.file, file.reason
            )?;
        }
        for file in left_out.iter().take(LEFT_OUT) {
            writeln!(out, "left out: {}: {}", file.file, file.what)?;
        }
        match left_out.len().checked_sub(LEFT_OUT) {
            Some(more) if more > 0 => writeln!(out, "left out: {more} more (`--json` has all)"),
            _ => Ok(()),
        }
    }
}

/// What `--explain` prints of a rule.
struct Explained(Rule);

impl Display for Explained {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let doc = self.0.doc();
        writeln!(
            out,
            "{} {}: holds when {}.\n",
            self.0, doc.title, doc.holds_when
        )?;
        writeln!(out, "Why: {}\n\nWhat to do: {}\n", doc.why, doc.remedy)
    }
}

/// Shows a report, with all symbols of one rule's findings if that rule is to be explained.
struct Text<'a> {
    /// The report of one library.
    report: &'a Report,
    /// The rule whose findings are shown whole.
    explained: Option<Rule>,
}

impl Display for Text<'_> {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let report = self.report;
        writeln!(out, "{}", report.file)?;
        for rule in &report.rules {
            let status = match rule.status {
                Status::Fail => "FAILS",
                Status::NotChecked => "not checked",
                Status::PartlyChecked => "holds*",
                Status::NotApplicable => "does not apply",
                Status::Pass => "holds",
            };
            let seen = match rule.status {
                Status::Fail => format!("{} findings below", rule.findings.len()),
                _ => rule.evidence.join("; "),
            };
            let seen = if rule.findings.len() == 1 {
                "1 finding below".to_owned()
            } else {
                seen
            };
            writeln!(
                out,
                "  {:<4} {:<13} {status:<15} {seen}",
                rule.rule.to_string(),
                rule.title
            )?;
        }
        match &report.binutils {
            Some(check) => writeln!(
                out,
                "       {} agree on {} dynamic symbols",
                check.programs.join(" and "),
                check.symbols
            )?,
            None => writeln!(out, "       no second witness")?,
        }
        for evidence in &report.surroundings {
            writeln!(out, "       {evidence}")?;
        }
        if self.explained == Some(Rule::S1) {
            show_map(out, report)?;
        }
        for rule in &report.rules {
            for finding in &rule.findings {
                writeln!(out, "\n  {} {}: {}", rule.rule, rule.title, finding.subject)?;
                writeln!(out, "       {}", finding.problem)?;
                show_symbols(out, finding, self.explained == Some(rule.rule))?;
                writeln!(out, "       do: {}", finding.remedy)?;
            }
            for part in &rule.unchecked {
                writeln!(
                    out,
                    "\n  {} {}: {} not checked",
                    rule.rule, rule.title, part.part
                )?;
                writeln!(out, "       {}", part.reason)?;
                if let Some(accepted) = &part.accepted {
                    writeln!(out, "       * accepted by the policy: {accepted}")?;
                }
            }
        }
        writeln!(out, "\n  {}\n", summary(report))?;
        Ok(())
    }
}

/// Who provides what the library needs.
fn show_map(out: &mut Formatter, report: &Report) -> fmt::Result {
    writeln!(out, "\n  Who provides what it needs:")?;
    let version = |version: &Option<String>| match version {
        Some(version) => format!("@{version}"),
        None => String::new(),
    };
    for found in &report.resolution {
        let provider = match &found.provider {
            Some(provider) => format!("{provider}{}", version(&found.provided_version)),
            None if found.weak => "nobody, and it may stay so (weak)".to_owned(),
            None => "nobody".to_owned(),
        };
        let needed = format!("{}{}", found.symbol, version(&found.version));
        writeln!(out, "         {needed:<44} {provider}")?;
    }
    Ok(())
}

fn show_symbols(out: &mut Formatter, finding: &Finding, all: bool) -> fmt::Result {
    let shown = if all { usize::MAX } else { SHOWN };
    for symbol in finding.symbols.iter().take(shown) {
        let version = symbol
            .version
            .as_ref()
            .map_or(String::new(), |version| format!("@{version}"));
        let library = symbol
            .library
            .as_ref()
            .map_or(String::new(), |library| format!(" from {library}"));
        let object = symbol
            .object
            .as_ref()
            .map_or(String::new(), |object| format!(" (compiled from {object})"));
        writeln!(out, "         {}{version}{library}{object}", symbol.name)?;
    }
    if let Some(more) = finding
        .symbols
        .len()
        .checked_sub(shown)
        .filter(|more| *more > 0)
    {
        writeln!(out, "         and {more} more")?;
    }
    Ok(())
}

fn summary(report: &Report) -> String {
    let target = format!("judged for {}, {}", report.target, report.architecture);
    let count = |status| {
        report
            .rules
            .iter()
            .filter(|rule| rule.status == status)
            .count()
    };
    match report.verdict {
        Verdict::Passed => {
            let partly = count(Status::PartlyChecked);
            let whole = count(Status::Pass);
            format!("PASSED: {whole} rules hold, {partly} hold as far as checked; {target}")
        }
        Verdict::NotProven => {
            let open: Vec<String> = report
                .rules
                .iter()
                .filter(|rule| rule.status == Status::NotChecked)
                .map(|rule| rule.rule.to_string())
                .collect();
            format!(
                "NOT PROVEN: {} could not be checked; {target}",
                open.join(", ")
            )
        }
        Verdict::Failed => {
            let broken: Vec<String> = report.broken().iter().map(Rule::to_string).collect();
            format!("FAILED: {}; {target}", broken.join(", "))
        }
    }
}
