//! The table of a document, alone or beside an earlier one.

use std::fmt::Write as _;

use super::{Document, Row};

/// From which ratio on a row is called slower: 10 % are more than what a machine without other work differs by.
const SLOWER: f64 = 1.1;

/// A document beside an earlier one.
pub struct Compared<'a> {
    /// The new one.
    pub now: &'a Document,
    /// The earlier one.
    pub before: &'a Document,
}

impl Compared<'_> {
    /// How many times as long a row takes now; `None` if the earlier document lacks it.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let mut rows = self.before.rows.iter();
        let before = rows.find(|before| before.name == row.name)?;
        (before.seconds > 0.0).then(|| row.seconds / before.seconds)
    }

    /// The rows that have become slower by more than 10 %, a phrase each: `cold 1.23 times`.
    pub fn slower(&self) -> Vec<String> {
        let rows = self.now.rows.iter();
        let ratios = rows.filter_map(|row| Some((row, self.ratio(row)?)));
        let slower = ratios.filter(|(_, ratio)| *ratio > SLOWER);
        slower
            .map(|(row, ratio)| format!("{} {ratio:.2} times", row.name))
            .collect()
    }

    /// Why the times can't be compared; `None` if they can.
    pub fn differs(&self) -> Option<String> {
        let machine = |document: &Document| {
            let machine = &document.machine;
            format!(
                "{} cores of {}, {}",
                machine.cores, machine.processor, document.target
            )
        };
        let [now, before] = [self.now, self.before].map(machine);
        (now != before).then(|| format!("measured on different machines: {before}; now {now}"))
    }
}

/// A table in Markdown, as docs/bench.md has it.
pub fn table(now: &Document, before: Option<&Document>) -> String {
    let machine = &now.machine;
    let mut text = format!(
        "`cargo xtask dist` of {}, commit {}, {} cores of {}, load {:.1} before.\n\n",
        now.target,
        now.short_commit(),
        machine.cores,
        machine.processor,
        machine.load_before
    );
    let (head, line) = match before {
        Some(before) => (
            format!(" compared with {} |", before.short_commit()),
            "---|",
        ),
        None => (String::new(), ""),
    };
    let _ = writeln!(
        text,
        "| row | what | seconds | first output | longest silence | jobs | the longest |{head}\n|---|---|---|---|---|---|---|{line}"
    );
    for row in &now.rows {
        write_row(&mut text, row);
        if let Some(before) = before {
            let ratio = Compared { now, before }.ratio(row);
            let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2} times"));
            let _ = write!(text, " {ratio} |");
        }
        text.push('\n');
    }
    for row in &now.not_measured {
        let _ = writeln!(text, "\n`{}` was not measured: {}.", row.name, row.why);
    }
    text
}

fn write_row(text: &mut String, row: &Row) {
    let longest = row.jobs.iter().take(3);
    let longest: Vec<String> = longest
        .map(|job| format!("{} {:.0} s", job.id, job.seconds))
        .collect();
    let _ = write!(
        text,
        "| {} | {} | {:.1} | {:.1} | {:.1} | {} | {} |",
        row.name,
        row.what,
        row.seconds,
        row.first_output,
        row.longest_silence,
        row.jobs.len(),
        longest.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::super::{JobTime, Machine, NotMeasured, VERSION};
    use super::*;

    fn document(commit: &str, rows: &[(&str, f64)]) -> Document {
        let row = |(name, seconds): &(&str, f64)| Row {
            name: (*name).to_owned(),
            what: "all".to_owned(),
            seconds: *seconds,
            first_output: 0.4,
            longest_silence: 14.0,
            jobs: vec![JobTime {
                id: "compile:pg15".to_owned(),
                seconds: 150.2,
            }],
        };
        Document {
            version: VERSION,
            commit: commit.to_owned(),
            target: "debian12-pg15".to_owned(),
            machine: Machine {
                processor: "a processor".to_owned(),
                cores: 2,
                load_before: 0.1,
            },
            rows: rows.iter().map(row).collect(),
            not_measured: Vec::new(),
        }
    }

    #[test]
    fn a_slowdown_of_more_than_a_tenth_is_told() {
        let before = document("1111111111", &[("cold", 100.0), ("warm", 2.0)]);
        let now = document(
            "2222222222",
            &[("cold", 109.0), ("warm", 2.3), ("new", 9.0)],
        );
        let compared = Compared {
            now: &now,
            before: &before,
        };
        assert_eq!(compared.slower(), ["warm 1.15 times"]);
        assert_eq!(compared.differs(), None);
        let mut elsewhere = before.clone();
        elsewhere.machine.cores = 8;
        let compared = Compared {
            now: &now,
            before: &elsewhere,
        };
        assert!(compared.differs().unwrap().contains("8 cores"));
    }

    #[test]
    fn the_table_names_what_was_not_measured() {
        let before = document("1111111111", &[("cold", 100.0)]);
        let mut now = document("2222222222", &[("cold", 50.0), ("new", 9.0)]);
        now.not_measured.push(NotMeasured {
            name: "lock".to_owned(),
            why: "the commit has no such file".to_owned(),
        });
        let expected = "\
`cargo xtask dist` of debian12-pg15, commit 22222222, 2 cores of a processor, load 0.1 before.

| row | what | seconds | first output | longest silence | jobs | the longest | compared with 11111111 |
|---|---|---|---|---|---|---|---|
| cold | all | 50.0 | 0.4 | 14.0 | 1 | compile:pg15 150 s | 0.50 times |
| new | all | 9.0 | 0.4 | 14.0 | 1 | compile:pg15 150 s | - |

`lock` was not measured: the commit has no such file.
";
        assert_eq!(table(&now, Some(&before)), expected);
    }

    #[test]
    fn an_earlier_document_is_read_and_others_are_refused() {
        let before = document("1111111111", &[("cold", 100.0)]);
        let text = String::from_utf8(base::json::pretty(&before)).unwrap();
        assert_eq!(Document::parse("x", &text).unwrap(), before);
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        for text in ["{}", newer.as_str()] {
            assert!(Document::parse("x", text).is_err());
        }
    }
}
