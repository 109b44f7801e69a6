//! The rows that a training reads: those of a relation, or the copy that a snapshot keeps of them.
//!
//! In a copy that PostgresML or edition 1.0 made, the rows' order decides the split: it was shuffled then, or it never was.

use pgml_core::Error;
use pgml_core::columns::{Labels, Layout, Takes, Wanted};
use pgml_core::matrix::Matrix;
use pgml_core::preprocess::{self, Fitted, Keep};
use pgml_core::split::{Sampling, SplitRows};

use crate::catalog::Edition;
use crate::catalog::snapshots::{self, Snapshot};
use crate::error::Result;
use crate::memory::Budget;
use crate::relation::{self, Relation};
use crate::text;

/// How rows are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub edition: Edition,
    pub labels: Labels,
    /// Whether the algorithm takes missing values.
    pub missing: bool,
}

impl Reading {
    pub fn new(edition: Edition, labels: Labels, missing: bool) -> Reading {
        Reading { edition, labels, missing: missing && edition == Edition::Current }
    }

    /// Edition 1.0 has no texts; before this release's, labels were numbers, and so was time.
    fn takes(self) -> Takes {
        let now = self.edition == Edition::Current;
        let labels = if now { self.labels } else { Labels::Numbers };
        Takes { texts: self.edition != Edition::V1, times: now, labels }
    }

    fn keep(self) -> Keep {
        Keep { always: self.edition == Edition::Current, missing: self.missing }
    }
}

/// Learn the steps of the snapshot's plan from the rows to train on, and take them in all rows; none when there is nothing to
/// keep. The relation is named when that takes more memory than it may.
pub fn prepare(rows: &mut SplitRows, reading: Reading, snapshot: &Snapshot) -> Result<Option<Fitted>> {
    let Snapshot { plan, relation, .. } = snapshot;
    let fitted = preprocess::fit(plan, &rows.layout, &rows.matrix, rows.train(), reading.keep())?;
    if let Some(fitted) = fitted.as_ref().filter(|fitted| !fitted.preprocess.is_plain()) {
        // One-hot columns can be many times what was read.
        let numbers = rows.matrix.rows.saturating_mul(fitted.preprocess.outputs());
        Budget::now().check(numbers.saturating_add(rows.matrix.y.len()), relation)?;
        fitted.preprocess.transform(&mut rows.matrix)?;
    }
    Ok(fitted)
}

/// The columns of a relation, divided and checked against what is to be done with them.
fn layout(reading: Reading, name: &str, relation: &Relation, snapshot: &Snapshot) -> Result<Layout> {
    let wanted = Wanted {
        labels: &snapshot.labels,
        exclude: snapshot.exclude.as_deref().unwrap_or_default(),
        weight: snapshot.weight.as_deref(),
        takes: reading.takes(),
    };
    let layout = Layout::new(name, relation::columns(relation)?, wanted)?;
    if let Some(meaning) = &snapshot.meaning {
        meaning.check(&layout)?;
    }
    snapshot.plan.check(name, &layout)?;
    Ok(layout)
}

/// Fails for what is wrong with the columns of the snapshot's relation, before a row is read.
pub fn check(reading: Reading, snapshot: &Snapshot) -> Result<()> {
    let relation = relation::find(&snapshot.relation)?;
    layout(reading, &relation.name, &relation, snapshot).map(drop)
}

/// The rows of the snapshot's relation, as they are now.
pub fn of_relation(reading: Reading, snapshot: &mut Snapshot) -> Result<SplitRows> {
    let relation = relation::find(&snapshot.relation)?;
    snapshot.relation = relation.name.clone();
    let layout = layout(reading, &relation.name, &relation, snapshot)?;
    warn_of_key(reading, &relation, &layout)?;
    let matrix = relation::read(&relation, &layout, &snapshot.plan, reading.missing)?;
    Ok(SplitRows::new(&relation.name, matrix, layout, snapshot.test_size, snapshot.sampling(), reading.labels)?)
}

/// Warn where the relation's primary key is a feature: it tells rows apart, and nothing about rows that are yet to come.
fn warn_of_key(reading: Reading, relation: &Relation, layout: &Layout) -> Result<()> {
    if reading.edition != Edition::Current {
        return Ok(());
    }
    if let Some(key) =
        relation::primary_key(relation)?.filter(|key| layout.features.iter().any(|column| column.name == *key))
    {
        text::warning(&format!(
            "feature \"{key}\" is the primary key of {}: leave it out with exclude => ARRAY['{}']",
            relation.name,
            key.replace('\'', "''")
        ));
    }
    Ok(())
}

/// The rows that a snapshot keeps, in their order there, with NaN for a feature that is NULL.
pub fn with_gaps(edition: Edition, snapshot: &Snapshot) -> Result<Matrix> {
    let reading = Reading { edition, labels: Labels::Numbers, missing: true };
    Ok(kept(reading, snapshot)?.0)
}

fn kept(reading: Reading, snapshot: &Snapshot) -> Result<(Matrix, Layout)> {
    let copy = relation::find(&snapshot.copy()).map_err(|_| Error::NoCopy(snapshot.id))?;
    let original = &snapshot.relation;
    let layout = layout(reading, original, &copy, snapshot)?;
    Ok((relation::read_copy(&copy, &layout, &snapshot.plan, reading.missing, original)?, layout))
}

/// The rows that a snapshot keeps, split as it says.
pub fn of_copy(reading: Reading, snapshot: &Snapshot) -> Result<SplitRows> {
    let (matrix, layout) = kept(reading, snapshot)?;
    let by = match snapshot.sampling() {
        Sampling::First => Sampling::First,
        _ if snapshot.in_order => Sampling::Last,
        by => by,
    };
    Ok(SplitRows::new(&snapshot.relation, matrix, layout, snapshot.test_size, by, reading.labels)?)
}

/// Record a snapshot with a copy of its relation's rows.
pub fn copied(reading: Reading, snapshot: &mut Snapshot) -> Result<SplitRows> {
    let relation = relation::find(&snapshot.relation)?;
    snapshot.relation = relation.name.clone();
    // Before anything is copied: what is wrong with the columns.
    let layout = layout(reading, &relation.name, &relation, snapshot)?;
    warn_of_key(reading, &relation, &layout)?;
    let edition = reading.edition;
    snapshot.id = snapshots::start(edition, snapshot)?;
    snapshot.materialized = true;
    snapshots::copy_rows(snapshot, &relation.name)?;
    let rows = of_copy(reading, snapshot)?;
    snapshots::finish(edition, snapshot, &rows)?;
    Ok(rows)
}
