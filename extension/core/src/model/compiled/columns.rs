//! What trees ask of a row: for each feature, how many of its thresholds the value has passed.
//!
//! A feature whose nodes send missing values to different sides has two columns: one of them counts a missing value as if it had
//! passed no threshold, the other one as if it had passed all.

use super::super::AskPython;
use super::super::forest::{Compare, Input, LEAF, Node};
use super::BLOCK;
use crate::slab::{Share, Slab};

/// What is nearly zero to LightGBM.
const LIGHTGBM_ZERO: f64 = 1e-35_f32 as f64;

/// Thresholds of one narrow column: a byte tells 0 to 255 of them.
const NARROW: u32 = 255;

/// Up to so many thresholds are counted one by one for many rows; more are searched.
const FEW: usize = 16;

/// What a node compares with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// A row goes to the right when it has passed more thresholds of the column.
    pub column: u16,
    pub passed: u32,
    /// The same among the narrow columns; none when there are too many of them.
    pub narrow: Option<(u16, i8)>,
}

/// The thresholds of a feature.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    feature: u32,
    /// Whether a missing value has passed all.
    missing_right: bool,
    /// Where its thresholds begin.
    start: usize,
    count: u32,
    /// The first of its narrow columns.
    narrow: u32,
}

impl Column {
    /// The thresholds with infinities after them, so that there is one less than a power of two.
    fn room(&self) -> usize {
        (self.count as usize + 1).next_power_of_two() - 1
    }

    /// Write what a block of rows has passed into the narrow columns, where they have room.
    fn tell_narrow(&self, passed: &[u32; BLOCK], narrow: &mut [i8]) {
        let columns = narrow.chunks_exact_mut(BLOCK).skip(self.narrow as usize);
        for (bytes, from) in columns.zip((0..self.count).step_by(NARROW as usize)) {
            for (byte, passed) in bytes.iter_mut().zip(passed) {
                // INVARIANT: `NARROW` is what a byte can tell.
                *byte = signed(passed.saturating_sub(from).min(NARROW) as u8);
            }
        }
    }
}

/// The columns of a forest.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    input: Input,
    compare: Compare,
    columns: Vec<Column>,
    thresholds: Slab<f64>,
    narrow: u32,
}

impl Columns {
    /// None when there are too many to be told by [`Question`]s.
    pub fn new(nodes: &[Node], compare: Compare, input: Input) -> Option<Columns> {
        let misses = may_miss(input);
        let mut asked: Vec<(u32, bool, f64)> = nodes
            .iter()
            .filter(|node| node.feature != LEAF)
            // Without the sign of zero, which no comparison sees.
            .map(|node| (node.feature, misses && !node.missing_left.is_set(), node.threshold + 0.0))
            .collect();
        asked.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        asked.dedup();
        let mut made = Columns { input, compare, columns: Vec::new(), thresholds: Slab::default(), narrow: 0 };
        for group in asked.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let count = u32::try_from(group.len()).ok()?;
            let start = made.thresholds.len();
            let (feature, missing_right, _) = group[0];
            let column = Column { feature, missing_right, start, count, narrow: made.narrow };
            made.thresholds.extend(group.iter().map(|asked| asked.2));
            made.thresholds.resize(start + column.room(), f64::INFINITY);
            made.narrow = made.narrow.checked_add(count.div_ceil(NARROW))?;
            made.columns.push(column);
        }
        let fits = made.columns.len() <= usize::from(u16::MAX) && made.columns.iter().all(|one| one.count < MOST);
        fits.then_some(made)
    }

    /// The bytes that are in none of [`Columns::arrays`].
    pub fn unshared_bytes(&self) -> usize {
        size_of_val(&self.columns[..])
    }

    pub fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        visit(&mut self.thresholds);
    }

    /// How many columns there are.
    pub fn wide(&self) -> usize {
        self.columns.len()
    }

    /// How many narrow ones.
    pub fn narrow(&self) -> usize {
        self.narrow as usize
    }

    /// What a node asks; none of a leaf.
    pub fn question(&self, node: &Node) -> Option<Question> {
        let right = may_miss(self.input) && !node.missing_left.is_set();
        let key = (node.feature, right);
        let place = self.columns.binary_search_by(|one| (one.feature, one.missing_right).cmp(&key)).ok()?;
        let column = &self.columns[place];
        let own = &self.thresholds[column.start..column.start + column.count as usize];
        let threshold = node.threshold + 0.0;
        let passed = own.binary_search_by(|one| one.total_cmp(&threshold)).ok()?;
        let passed = u32::try_from(passed).ok()?;
        let byte = u8::try_from(passed % NARROW).ok()?;
        let narrow = u16::try_from(column.narrow + passed / NARROW).ok();
        Some(Question {
            column: u16::try_from(place).ok()?,
            passed,
            narrow: narrow.map(|narrow| (narrow, signed(byte))),
        })
    }

    /// Whether the trees know what to do with every value; if some are missing, `Ok(true)`.
    pub fn check(&self, rows: &[f64]) -> Result<bool, AskPython> {
        let known = match self.input {
            Input::Float32 | Input::Float32Missing => sum_of_nothing(rows, |value| f64::from(value as f32)) == 0.0,
            // Zero times anything finite is zero; a sum can be computed several values at once.
            _ => sum_of_nothing(rows, |value| value) == 0.0,
        };
        if known {
            return Ok(false);
        }
        let infinite = |value: &f64| match self.input {
            Input::Float32 | Input::Float32Missing => (*value as f32).is_infinite(),
            _ => value.is_infinite(),
        };
        if may_miss(self.input) && !rows.iter().any(infinite) { Ok(true) } else { Err(AskPython) }
    }

    /// For each column, how many thresholds the row has passed.
    pub fn of_row(&self, row: &[f64], passed: &mut Vec<u32>) {
        passed.clear();
        passed.extend(self.columns.iter().map(|column| {
            // INVARIANT: `Forest::new` saw to it that every feature is in a row.
            let mut value = row[column.feature as usize];
            match self.input {
                Input::Float64 | Input::Float64Missing => {}
                Input::Float32 | Input::Float32Missing => single(&mut value),
                Input::LightGbm => zero(&mut value),
            }
            if value.is_nan() && column.missing_right {
                return column.count;
            }
            let own = &self.thresholds[column.start..column.start + column.room()];
            match self.compare {
                Compare::Below => search(own, |threshold| threshold <= value),
                Compare::NotAbove => search(own, |threshold| threshold < value),
            }
        }));
    }

    /// The same in the narrow columns that there is room for, from what [`Columns::of_row`] says.
    pub fn narrow_of(&self, wide: &[u32], narrow: &mut [i8]) {
        let mut all = narrow.iter_mut();
        for (column, passed) in self.columns.iter().zip(wide) {
            for from in (0..column.count).step_by(NARROW as usize) {
                let Some(byte) = all.next() else {
                    return;
                };
                // INVARIANT: `NARROW` is what a byte can tell.
                *byte = signed(passed.saturating_sub(from).min(NARROW) as u8);
            }
        }
    }

    /// The same for up to [`BLOCK`] rows of `features` values, into the forms that have room: `wide` row by row, `narrow` column
    /// by column.
    pub fn of_block(&self, rows: &[f64], features: usize, narrow: &mut [i8], wide: &mut [u32]) {
        let mut values = [0.0; BLOCK];
        for (place, column) in self.columns.iter().enumerate() {
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(features)) {
                *value = row[column.feature as usize];
            }
            match self.input {
                Input::Float64 | Input::Float64Missing => {}
                Input::Float32 | Input::Float32Missing => values.iter_mut().for_each(single),
                Input::LightGbm => values.iter_mut().for_each(zero),
            }
            let mut passed = [0; BLOCK];
            let own = &self.thresholds[column.start..column.start + column.room()];
            match (self.compare, (column.count as usize) <= FEW) {
                (Compare::Below, true) => count(own, &values, &mut passed, |threshold, value| threshold <= value),
                (Compare::NotAbove, true) => count(own, &values, &mut passed, |threshold, value| threshold < value),
                (Compare::Below, false) => search_all(own, &values, &mut passed, |threshold, value| threshold <= value),
                (Compare::NotAbove, false) => {
                    search_all(own, &values, &mut passed, |threshold, value| threshold < value);
                }
            }
            if column.missing_right {
                for (passed, value) in passed.iter_mut().zip(&values) {
                    *passed = if value.is_nan() { column.count } else { *passed };
                }
            }
            column.tell_narrow(&passed, narrow);
            for (row, passed) in wide.chunks_exact_mut(self.columns.len()).zip(&passed) {
                row[place] = *passed;
            }
        }
    }
}

/// The thresholds of a column have to be fewer.
const MOST: u32 = 1 << 24;

fn single(value: &mut f64) {
    *value = f64::from(*value as f32);
}

fn zero(value: &mut f64) {
    // A NaN is not nearly zero.
    *value = if value.abs() <= LIGHTGBM_ZERO { 0.0 } else { *value };
}

fn may_miss(input: Input) -> bool {
    matches!(input, Input::Float64Missing | Input::Float32Missing | Input::LightGbm)
}

/// In the same order, as the comparison of signed bytes has it, which processors have an instruction for.
fn signed(byte: u8) -> i8 {
    (byte ^ 0x80) as i8
}

/// The sum of zero times each value, in eight sums.
fn sum_of_nothing(values: &[f64], seen: impl Fn(f64) -> f64) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += seen(*value) * 0.0;
        }
    }
    sums.into_iter().chain(rest.iter().map(|value| seen(*value) * 0.0)).sum()
}

/// How many thresholds are passed, of one less than a power of two. No step depends on a guess.
#[inline(always)]
fn search(thresholds: &[f64], is_passed: impl Fn(f64) -> bool) -> u32 {
    let mut found = 0;
    for level in (0..thresholds.len().count_ones()).rev() {
        // INVARIANT: what was found and the halves that are left add up to the number of thresholds at most.
        let threshold = thresholds[found + (1 << level) - 1];
        // A shift, which compilers do not make a jump of.
        found += usize::from(is_passed(threshold)) << level;
    }
    found as u32
}

/// The same for many values: each step for all of them, so that none waits for another.
#[inline(always)]
fn search_all(
    thresholds: &[f64],
    values: &[f64; BLOCK],
    passed: &mut [u32; BLOCK],
    is_passed: impl Fn(f64, f64) -> bool,
) {
    for level in (0..thresholds.len().count_ones()).rev() {
        for (found, value) in passed.iter_mut().zip(values) {
            // SAFETY: as in `search`, the place is within the thresholds.
            let threshold = unsafe { *thresholds.get_unchecked(*found as usize + (1 << level) - 1) };
            *found += u32::from(is_passed(threshold, *value)) << level;
        }
    }
}

/// The same for few thresholds: each is compared with all values.
#[inline(always)]
fn count(thresholds: &[f64], values: &[f64; BLOCK], passed: &mut [u32; BLOCK], is_passed: impl Fn(f64, f64) -> bool) {
    for threshold in thresholds {
        for (passed, value) in passed.iter_mut().zip(values) {
            *passed += u32::from(is_passed(*threshold, *value));
        }
    }
}
