//! From rows to the scores of a forest: what its layout says about the leaves, added up as the library does it.

use super::compiled::{Adding, BLOCK, Compiled, Room, Sums};
use super::descent::{Below, Descent, NotAbove, OrMissing};
use super::forest::{Combine, Compare, Forest, LEAF, Parts};
use super::{AskPython, Work};
use crate::slab::{Share, Slab};

/// Fewer rows are predicted one by one.
const FEWEST: usize = 4;

/// How a forest's leaves are found, and what they say.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    layout: Layout,
    values: Values,
}

#[derive(Debug, Clone, PartialEq)]
enum Layout {
    Compiled(Box<Compiled>),
    /// For forests that are too large for that.
    Descent(Descent),
    /// For forests that split by categories: node by node, as they are in the forest.
    Nodes,
}

/// What leaves say, by their numbers in the layout.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    /// One number, which is added.
    Double(Slab<f64>),
    /// One number, which is added in `float32`.
    Single(Slab<f32>),
    /// Several, or they are not added: they are looked up in the forest.
    Looked,
}

impl Evaluation {
    /// Lay out trees whose children come after their parents; none when two ways meet in one node.
    pub fn new(parts: &Parts) -> Option<Evaluation> {
        let Parts { nodes, roots, compare, input, width, .. } = parts;
        let Some(compiled) = Compiled::new(nodes, roots, *compare, *input) else {
            let layout = Layout::Descent(Descent::new(nodes, roots)?);
            return Some(Evaluation { layout, values: Values::Looked });
        };
        let is_one = (*width == 1 || parts.targets.is_some()) && parts.places.is_none();
        let each = || compiled.leaves.places.iter().map(|place| parts.values[*place as usize]);
        let values = match &parts.combine {
            // A score to which no tree adds keeps what `float32` may not have.
            Combine::Sum { single: true, init, .. }
                if is_one && init.iter().all(|init| f64::from(*init as f32).to_bits() == init.to_bits()) =>
            {
                Values::Single(each().map(|value| value as f32).collect())
            }
            Combine::Sum { single: false, .. } if is_one => Values::Double(each().collect()),
            _ => Values::Looked,
        };
        Some(Evaluation { layout: Layout::Compiled(Box::new(compiled)), values })
    }
}

impl Evaluation {
    /// Of trees that split by categories.
    pub fn of_sets() -> Evaluation {
        Evaluation { layout: Layout::Nodes, values: Values::Looked }
    }

    /// The bytes that are in none of [`Evaluation::arrays`].
    pub(super) fn unshared_bytes(&self) -> usize {
        match &self.layout {
            Layout::Compiled(compiled) => compiled.unshared_bytes(),
            Layout::Descent(_) | Layout::Nodes => 0,
        }
    }

    pub(super) fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        match &mut self.layout {
            Layout::Compiled(compiled) => compiled.arrays(visit),
            Layout::Descent(descent) => descent.arrays(visit),
            Layout::Nodes => {}
        }
        match &mut self.values {
            Values::Double(values) => visit(values),
            Values::Single(values) => visit(values),
            Values::Looked => {}
        }
    }
}

impl Forest {
    /// Fill `work.scores` with those of one row.
    pub(super) fn scores(&self, row: &[f64], work: &mut Work) -> Result<(), AskPython> {
        let compiled = match &self.evaluation.layout {
            Layout::Compiled(compiled) => compiled,
            Layout::Descent(descent) => return self.descend(descent, row, work),
            Layout::Nodes => return self.follow(row, work),
        };
        compiled.check(row)?;
        let Work { scores, pairs, leaves, room, .. } = work;
        scores.clear();
        match (&self.evaluation.values, &self.combine) {
            (Values::Double(values), Combine::Sum { init, divisor, .. }) => {
                scores.extend_from_slice(init);
                self.add(compiled, row, room, scores, |score, leaf| *score += values[leaf]);
                divide(scores, *divisor);
            }
            (Values::Single(values), Combine::Sum { init, divisor, .. }) => {
                scores.extend_from_slice(init);
                self.add(compiled, row, room, scores, |score, leaf| {
                    *score = f64::from(*score as f32 + values[leaf]);
                });
                divide(scores, *divisor);
            }
            _ => {
                leaves.clear();
                compiled.row(row, room, |leaf| leaves.push(compiled.leaves.places[leaf]));
                self.combine(leaves.iter().copied(), scores, pairs);
            }
        }
        Ok(())
    }

    /// Add the leaf of each tree to the score that it belongs to.
    fn add(
        &self,
        compiled: &Compiled,
        row: &[f64],
        room: &mut Room,
        scores: &mut [f64],
        add: impl Fn(&mut f64, usize),
    ) {
        match (&self.targets, scores) {
            (Some(targets), scores) if scores.len() > 1 => {
                let mut targets = targets.iter();
                compiled.row(row, room, |leaf| {
                    // INVARIANT: a forest has as many targets as trees.
                    if let Some(target) = targets.next() {
                        add(&mut scores[*target as usize], leaf);
                    }
                });
            }
            (_, [score]) => {
                let mut sum = *score;
                compiled.row(row, room, |leaf| add(&mut sum, leaf));
                *score = sum;
            }
            // Leaves of one value belong to one score, or trees have targets.
            (_, _) => {}
        }
    }

    /// How many rows [`Forest::scores_of`] takes at most.
    pub(super) fn rows_at_once(&self) -> usize {
        match &self.evaluation.layout {
            Layout::Compiled(compiled) => compiled.rows_at_once(),
            Layout::Descent(_) | Layout::Nodes => 1,
        }
    }

    /// Fill `work.scores` with those of each of some rows of `features` values, one after the other.
    pub(super) fn scores_of(&self, rows: &[f64], features: usize, work: &mut Work) -> Result<(), AskPython> {
        let count = rows.len() / features;
        let compiled = match &self.evaluation.layout {
            Layout::Compiled(compiled) if count >= FEWEST => compiled,
            _ => return self.scores_one_by_one(rows, features, work),
        };
        compiled.check(rows)?;
        let Work { scores, pairs, leaves, room, singles, .. } = work;
        let padded = count.next_multiple_of(BLOCK);
        let mut adding = |targets, sums| {
            let mut adding = Adding { leaves: &compiled.leaves, width: self.width, targets, sums };
            compiled.rows(rows, features, room, &mut adding);
        };
        let targets = self.targets.as_deref();
        scores.clear();
        match (&self.evaluation.values, &self.combine) {
            (Values::Double(values), Combine::Sum { init, divisor, .. }) => {
                scores.extend(init.iter().cycle().take(padded * self.width));
                adding(targets, Sums::Double { values, scores });
                divide(scores, *divisor);
            }
            (Values::Single(values), Combine::Sum { init, divisor, .. }) => {
                singles.clear();
                singles.extend(init.iter().map(|init| *init as f32).cycle().take(padded * self.width));
                adding(targets, Sums::Single { values, scores: singles });
                scores.extend(singles.iter().copied().map(f64::from));
                divide(scores, *divisor);
            }
            (Values::Looked, Combine::Sum { init, divisor, single: false })
                if targets.is_none() && self.places.is_none() =>
            {
                scores.extend(init.iter().cycle().take(padded * self.width));
                adding(None, Sums::Rows { values: &self.values, scores });
                divide(scores, *divisor);
            }
            _ => {
                leaves.clear();
                leaves.resize(padded * self.roots.len(), 0);
                adding(None, Sums::Kept { rows: padded, places: leaves });
                for row in 0..count {
                    self.combine(leaves.iter().skip(row).step_by(padded).copied(), scores, pairs);
                }
            }
        }
        work.scores.truncate(count * self.width);
        Ok(())
    }

    fn scores_one_by_one(&self, rows: &[f64], features: usize, work: &mut Work) -> Result<(), AskPython> {
        let mut all = std::mem::take(&mut work.gathered);
        all.clear();
        for row in rows.chunks_exact(features) {
            self.scores(row, work)?;
            all.extend_from_slice(&work.scores);
        }
        work.gathered = std::mem::replace(&mut work.scores, all);
        Ok(())
    }

    /// One row, node by node in the layout that has no limits.
    fn descend(&self, descent: &Descent, row: &[f64], work: &mut Work) -> Result<(), AskPython> {
        let Work { row: seen, scores, pairs, leaves, .. } = work;
        seen.clear();
        let missing = self.see(row, seen)?;
        leaves.clear();
        match (self.compare, missing) {
            (Compare::Below, false) => descent.of_row::<Below>(seen, leaves),
            (Compare::Below, true) => descent.of_row::<OrMissing<Below>>(seen, leaves),
            (Compare::NotAbove, false) => descent.of_row::<NotAbove>(seen, leaves),
            (Compare::NotAbove, true) => descent.of_row::<OrMissing<NotAbove>>(seen, leaves),
        }
        scores.clear();
        self.combine(leaves.iter().copied(), scores, pairs);
        Ok(())
    }
}

impl Forest {
    /// One row, node by node.
    fn follow(&self, row: &[f64], work: &mut Work) -> Result<(), AskPython> {
        let Work { row: seen, scores, pairs, leaves, .. } = work;
        seen.clear();
        self.see(row, seen)?;
        leaves.clear();
        for root in &self.roots {
            // INVARIANT: `new` saw to it that every index leads to something, and every way down ends.
            let mut at = *root;
            while self.nodes[at as usize].feature != LEAF {
                let node = &self.nodes[at as usize];
                let is_right = self.goes_right(at, node, seen[node.feature as usize]);
                at = if is_right { node.right } else { node.left };
            }
            leaves.push(self.nodes[at as usize].left);
        }
        scores.clear();
        self.combine(leaves.iter().copied(), scores, pairs);
        Ok(())
    }
}

fn divide(scores: &mut [f64], divisor: Option<f64>) {
    if let Some(divisor) = divisor {
        scores.iter_mut().for_each(|score| *score /= divisor);
    }
}
