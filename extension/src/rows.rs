//! The rows that a training reads: those of a relation, or the copy that a snapshot keeps of them.
//!
//! In a copy that PostgresML or edition 1.0 made, the rows' order decides the split: it was shuffled then, or it never was.

use pgml_core::Error;
use pgml_core::columns::Layout;
use pgml_core::matrix::Matrix;
use pgml_core::split::{self, Sampling};

use crate::catalog::Edition;
use crate::catalog::snapshots::{self, Snapshot};
use crate::error::Result;
use crate::relation;

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
}

/// The rows of the snapshot's relation, as they are now.
pub fn of_relation(snapshot: &mut Snapshot, classes: bool) -> Result<Rows> {
    let relation = relation::find(&snapshot.relation)?;
    snapshot.relation = relation.name.clone();
    let layout = Layout::new(&relation.name, relation::columns(&relation)?, &snapshot.labels)?;
    let matrix = relation::read(&relation, &layout)?;
    Rows::split(&relation.name, matrix, layout, snapshot.test_size, snapshot.sampling(), classes)
}

/// The rows that a snapshot keeps, in their order there.
pub fn in_order(snapshot: &Snapshot) -> Result<Matrix> {
    Ok(kept(snapshot)?.0)
}

fn kept(snapshot: &Snapshot) -> Result<(Matrix, Layout)> {
    let copy = relation::find(&snapshot.copy()).map_err(|_| Error::NoCopy(snapshot.id))?;
    let original = &snapshot.relation;
    let layout = Layout::new(original, relation::columns(&copy)?, &snapshot.labels)?;
    Ok((relation::read_copy(&copy, &layout, original)?, layout))
}

/// The rows that a snapshot keeps, split as it says.
pub fn of_copy(snapshot: &Snapshot, classes: bool) -> Result<Rows> {
    let (matrix, layout) = kept(snapshot)?;
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
    Layout::new(&relation.name, relation::columns(&relation)?, &snapshot.labels)?;
    snapshot.id = snapshots::start(edition, snapshot)?;
    snapshot.materialized = true;
    snapshots::copy_rows(snapshot, &relation.name)?;
    let rows = of_copy(snapshot, classes)?;
    snapshots::finish(edition, snapshot.id, &rows.layout, &rows.matrix, rows.test)?;
    Ok(rows)
}
