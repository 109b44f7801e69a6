//! The rows that a training reads: those of a relation, or the copy that a snapshot keeps of them.
//!
//! In a copy that PostgresML or edition 1.0 made, the rows' order decides the split: it was shuffled then, or it never was.

use pgml_core::Error;
use pgml_core::columns::Layout;
use pgml_core::matrix::Matrix;
use pgml_core::preprocess::{self, Fitted, Plan};
use pgml_core::split::{self, Sampling};

use crate::catalog::Edition;
use crate::catalog::snapshots::{self, Snapshot};
use crate::error::Result;
use crate::memory::Budget;
use crate::relation::{self, Relation};

/// Rows in the order in which the last `test` ones are tested on.
pub struct Rows {
    pub matrix: Matrix,
    pub layout: Layout,
    pub test: usize,
}

impl Rows {
    fn split(
        relation: &str,
        mut matrix: Matrix,
        layout: Layout,
        size: f32,
        by: Sampling,
        classes: bool,
    ) -> Result<Rows> {
        let test = split::test_rows(relation, matrix.rows, size)?;
        let order = split::order(&matrix, test, by, classes);
        matrix.reorder(&order);
        Ok(Rows { matrix, layout, test })
    }

    /// Learn the steps of a plan from the rows to train on, and take them in all rows; none when there are no steps. `relation`
    /// is named when that takes more memory than it may.
    pub fn prepare(&mut self, plan: &Plan, relation: &str) -> Result<Option<Fitted>> {
        let fitted = preprocess::fit(plan, &self.layout, &self.matrix, self.matrix.rows - self.test)?;
        if let Some(fitted) = &fitted {
            // One-hot columns can be many times what was read.
            let numbers = self.matrix.rows.saturating_mul(fitted.preprocess.outputs());
            Budget::now().check(numbers.saturating_add(self.matrix.y.len()), relation)?;
            fitted.preprocess.transform(&mut self.matrix)?;
        }
        Ok(fitted)
    }
}

/// The columns of a relation, divided and checked against what is to be done with them. Edition 1.0 has no texts.
fn layout(edition: Edition, name: &str, relation: &Relation, snapshot: &Snapshot) -> Result<Layout> {
    let texts = edition == Edition::Current;
    let layout = Layout::new(name, relation::columns(relation)?, &snapshot.labels, texts)?;
    snapshot.plan.check(name, &layout)?;
    Ok(layout)
}

/// The rows of the snapshot's relation, as they are now.
pub fn of_relation(edition: Edition, snapshot: &mut Snapshot, classes: bool) -> Result<Rows> {
    let relation = relation::find(&snapshot.relation)?;
    snapshot.relation = relation.name.clone();
    let layout = layout(edition, &relation.name, &relation, snapshot)?;
    let matrix = relation::read(&relation, &layout, &snapshot.plan)?;
    Rows::split(&relation.name, matrix, layout, snapshot.test_size, snapshot.sampling(), classes)
}

/// The rows that a snapshot keeps, in their order there, with NaN for a feature that is NULL.
pub fn with_gaps(edition: Edition, snapshot: &Snapshot) -> Result<Matrix> {
    let copy = relation::find(&snapshot.copy()).map_err(|_| Error::NoCopy(snapshot.id))?;
    let layout = layout(edition, &snapshot.relation, &copy, snapshot)?;
    relation::read_copy(&copy, &layout, &Plan::with_gaps(&layout), &snapshot.relation)
}

fn kept(edition: Edition, snapshot: &Snapshot) -> Result<(Matrix, Layout)> {
    let copy = relation::find(&snapshot.copy()).map_err(|_| Error::NoCopy(snapshot.id))?;
    let original = &snapshot.relation;
    let layout = layout(edition, original, &copy, snapshot)?;
    Ok((relation::read_copy(&copy, &layout, &snapshot.plan, original)?, layout))
}

/// The rows that a snapshot keeps, split as it says.
pub fn of_copy(edition: Edition, snapshot: &Snapshot, classes: bool) -> Result<Rows> {
    let (matrix, layout) = kept(edition, snapshot)?;
    let by = match snapshot.sampling() {
        Sampling::First => Sampling::First,
        _ if snapshot.in_order => Sampling::Last,
        by => by,
    };
    Rows::split(&snapshot.relation, matrix, layout, snapshot.test_size, by, classes)
}

/// Record a snapshot with a copy of its relation's rows.
pub fn copied(edition: Edition, snapshot: &mut Snapshot, classes: bool) -> Result<Rows> {
    let relation = relation::find(&snapshot.relation)?;
    snapshot.relation = relation.name.clone();
    // Before anything is copied: what is wrong with the columns.
    layout(edition, &relation.name, &relation, snapshot)?;
    snapshot.id = snapshots::start(edition, snapshot)?;
    snapshot.materialized = true;
    snapshots::copy_rows(snapshot, &relation.name)?;
    let rows = of_copy(edition, snapshot, classes)?;
    snapshots::finish(edition, snapshot.id, &rows)?;
    Ok(rows)
}
