//! Which rows are trained on and which are tested on.
//!
//! The split depends on the rows' values and on nothing else: not on where Postgres happens to keep them, not on a seed
//! that somebody has to remember. So every model of a snapshot sees the same split, also after a VACUUM FULL or a
//! restore. 'first' and 'last' are the exceptions by their nature: they take rows in the order of the scan.
//!
//! A row keeps its side when rows are added: the rows to test on are those with the largest hashes, of the whole, of their
//! class, or of their part of the label's range. Only a few at the border change sides, so that a model that was trained
//! last week and one that is trained now can be scored on rows from which neither has learned.

use std::cmp::Ordering;
use std::ops::Range;

use crate::columns::{Column, Labels, Layout};
use crate::labels::Classes;
use crate::matrix::Matrix;
use crate::{Error, Result};

/// How test rows are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Rows in a shuffle that depends on their values alone.
    Random,
    /// The first rows of the scan; 1.0 has this one.
    First,
    /// The last rows of the scan.
    Last,
    /// Each class, or each part of a continuous label's range, in its share.
    Stratified,
}

impl Sampling {
    pub fn parse(name: &str) -> Option<Sampling> {
        match name {
            "random" => Some(Sampling::Random),
            "first" => Some(Sampling::First),
            "last" => Some(Sampling::Last),
            "stratified" => Some(Sampling::Stratified),
            _ => None,
        }
    }
}

/// Rows in the order in which the last `test` ones are tested on and the others are trained on.
pub struct SplitRows {
    pub matrix: Matrix,
    pub layout: Layout,
    pub test: usize,
}

impl SplitRows {
    /// Split the rows of `relation`, whose columns are `layout`. `labels` says whether each class has to have its share.
    pub fn new(
        relation: &str,
        mut matrix: Matrix,
        layout: Layout,
        test_size: f32,
        sampling: Sampling,
        labels: Labels,
    ) -> Result<SplitRows> {
        if let Some(place) = matrix.classes.iter().position(Classes::is_list).filter(|_| matrix.labels > 1) {
            let Column { name, type_name, .. } = layout.labels[place].clone();
            return Err(Error::JointLabel { column: name, type_name });
        }
        let test = test_rows(relation, matrix.rows, test_size)?;
        let order = order(&matrix, &layout, test, sampling, labels == Labels::Classes);
        matrix.reorder(&order);
        Ok(SplitRows { matrix, layout, test })
    }

    /// The number of rows to train on, which come first.
    pub fn train(&self) -> usize {
        self.matrix.rows - self.test
    }
}

/// How many of `rows` are for testing. A share is rounded up, as scikit-learn does; above 1 it is a number of rows.
pub fn test_rows(relation: &str, rows: usize, test_size: f32) -> Result<usize> {
    // 0.1 as a 4-byte float is 0.10000000149, and 1000 rows would have 101 test rows: read it as it is written.
    let size: f64 = test_size.to_string().parse().unwrap_or(f64::NAN);
    if size.is_nan() || size <= 0.0 || size == 1.0 || (size > 1.0 && size.fract() != 0.0) {
        return Err(Error::TestSize(test_size.to_string()));
    }
    let test = if size > 1.0 { size } else { (rows as f64 * size - 1e-9).ceil() };
    if test >= rows as f64 {
        return Err(Error::TestTooLarge { relation: relation.to_string(), test: test_size.to_string(), rows });
    }
    Ok(test as usize)
}

/// The order of the rows in which the first `rows - test` are trained on and the rest is tested on.
pub fn order(matrix: &Matrix, layout: &Layout, test: usize, sampling: Sampling, classes: bool) -> Vec<usize> {
    let rows: Vec<usize> = (0..matrix.rows).collect();
    match sampling {
        Sampling::Last => return rows,
        Sampling::First => return (test..matrix.rows).chain(0..test).collect(),
        Sampling::Random | Sampling::Stratified => {}
    }
    let places = places(matrix, layout);
    let shuffled = |a: &usize, b: &usize| places[*a].cmp(&places[*b]).then_with(|| compare(matrix, *a, *b));
    let mut order = rows;
    order.sort_unstable_by(shuffled);
    if sampling == Sampling::Random {
        return order;
    }
    // The shuffled order inside of equal labels.
    let mut by_label = order.clone();
    by_label.sort_by(|a, b| compare_values(matrix.label(*a), matrix.label(*b)));
    if classes {
        keep_single_rows(matrix, &mut by_label, test);
    }
    let count = by_label.len();
    let parts = if classes { runs(matrix, &by_label) } else { ranges(count, test) };
    let mut tested = vec![false; matrix.rows];
    for part in parts {
        // Each part gives its share to within one row, and all together give `test` rows.
        let share = part.end * test / count - part.start * test / count;
        let rows = &mut by_label[part];
        rows.sort_unstable_by(shuffled);
        rows[rows.len() - share..].iter().for_each(|row| tested[*row] = true);
    }
    let (mut train, chosen): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|row| !tested[*row]);
    train.extend(chosen);
    train
}

/// Each row's place in the shuffle. Rows of equal values have places that are as far apart as those of others, so that a table of
/// few different rows has each of them on both sides; one more such row leaves the others where they are.
fn places(matrix: &Matrix, layout: &Layout) -> Vec<u64> {
    let contents = Contents::of(matrix, layout);
    let mut places: Vec<u64> = (0..matrix.rows).map(|row| contents.hash(matrix, row)).collect();
    let mut rows: Vec<usize> = (0..matrix.rows).collect();
    rows.sort_unstable_by(|a, b| places[*a].cmp(&places[*b]).then_with(|| compare(matrix, *a, *b)));
    for equal in rows.chunk_by(|a, b| compare_contents(matrix, *a, *b) == Ordering::Equal) {
        for (copy, row) in (1u64..).zip(&equal[1..]) {
            places[*row] = mix(places[*row] ^ mix(copy));
        }
    }
    places
}

/// Where each class begins and ends in rows that are sorted by their labels.
fn runs(matrix: &Matrix, by_label: &[usize]) -> Vec<Range<usize>> {
    let same = |a: &usize, b: &usize| compare_values(matrix.label(*a), matrix.label(*b)) == Ordering::Equal;
    let mut start = 0;
    let each = by_label.chunk_by(same).map(|rows| {
        let run = start..start + rows.len();
        start = run.end;
        run
    });
    each.collect()
}

/// Parts of `count` rows with as many rows each. The fewer there are, the fewer rows change sides when rows are added.
fn ranges(count: usize, test: usize) -> Vec<Range<usize>> {
    let parts = (test / TESTED_IN_A_RANGE).clamp(1, MOST_RANGES);
    (0..parts).map(|part| part * count / parts..(part + 1) * count / parts).collect()
}

/// Rows that each part of a continuous label's range has to have for testing, at the least.
const TESTED_IN_A_RANGE: usize = 5;

/// The most parts that a continuous label's range is divided into.
const MOST_RANGES: usize = 10;

/// The only row of a class is trained on, as long as enough rows are left to test on.
fn keep_single_rows(matrix: &Matrix, by_label: &mut Vec<usize>, test: usize) {
    let same = |a: usize, b: usize| compare_values(matrix.label(a), matrix.label(b)) == Ordering::Equal;
    let several: Vec<usize> = (0..by_label.len())
        .filter(|place| {
            let row = by_label[*place];
            let before = place.checked_sub(1).is_some_and(|place| same(by_label[place], row));
            before || by_label.get(place + 1).is_some_and(|next| same(*next, row))
        })
        .map(|place| by_label[place])
        .collect();
    if several.len() > test {
        *by_label = several;
    }
}

/// What a row counts as in the shuffle: its values by the names of their columns, in whatever order these stand. The numbers that
/// stand for texts depend on which other texts there are, so that a text counts by its characters.
struct Contents {
    /// The features, and then the labels.
    columns: Vec<Counted>,
}

/// One column.
struct Counted {
    name: u64,
    /// How many values of a row are its.
    width: usize,
    /// What its texts count as, by their numbers.
    texts: Option<Vec<u64>>,
}

impl Contents {
    fn of(matrix: &Matrix, layout: &Layout) -> Contents {
        let counted = |texts: &[String]| (!texts.is_empty()).then(|| texts.iter().map(|each| text(each)).collect());
        let classes = match &matrix.classes[..] {
            [Classes::Texts { texts, .. }] => &texts[..],
            _ => &[],
        };
        let names = layout.features.iter().chain(&layout.labels).map(|column| text(&column.name));
        let features = matrix.widths.iter().zip(&matrix.texts).map(|(width, texts)| (*width, counted(texts)));
        let labels = (0..matrix.labels).map(|_| (1, counted(classes)));
        let columns = features.chain(labels).zip(names.chain(std::iter::repeat(0)));
        Contents { columns: columns.map(|((width, texts), name)| Counted { name, width, texts }).collect() }
    }

    /// A row's place in the shuffle. This is part of what a snapshot means: changing it changes every split.
    fn hash(&self, matrix: &Matrix, row: usize) -> u64 {
        const SEED: u64 = 0x7067_6d6c_2d33_2e30; // "pgml-3.0"
        let mut values = matrix.row(row).iter().chain(matrix.label(row));
        let each = self.columns.iter().map(|column| {
            values.by_ref().take(column.width).fold(column.name, |state, value| mix(state ^ column.count(*value)))
        });
        mix(SEED ^ each.fold(0, u64::wrapping_add))
    }
}

impl Counted {
    fn count(&self, value: f64) -> u64 {
        // NULL, which is no number, has no text.
        let text = self.texts.as_ref().filter(|_| value >= 0.0).and_then(|texts| texts.get(value as usize));
        text.copied().unwrap_or((value + 0.0).to_bits())
    }
}

/// FNV-1a, and its bits spread.
fn text(text: &str) -> u64 {
    let fnv = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// The finaliser of SplitMix64.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Orders two rows that have the same place in the shuffle: by their values, and rows of equal values by their weights.
fn compare(matrix: &Matrix, a: usize, b: usize) -> Ordering {
    let weight = |row: usize| matrix.weights.get(row).copied().unwrap_or(1.0);
    compare_contents(matrix, a, b).then_with(|| weight(a).total_cmp(&weight(b)))
}

fn compare_contents(matrix: &Matrix, a: usize, b: usize) -> Ordering {
    let rows = compare_values(matrix.row(a), matrix.row(b));
    rows.then_with(|| compare_values(matrix.label(a), matrix.label(b)))
}

fn compare_values(a: &[f64], b: &[f64]) -> Ordering {
    let pairs = a.iter().zip(b).map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0)));
    pairs.fold(Ordering::Equal, Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(labels: &[f64]) -> Matrix {
        Matrix {
            rows: labels.len(),
            features: 1,
            labels: 1,
            x: (0..labels.len()).map(|row| row as f64 * 1.5).collect(),
            y: labels.to_vec(),
            widths: vec![1],
            texts: vec![Vec::new()],
            ..Matrix::default()
        }
    }

    fn contents(matrix: &Matrix, order: &[usize]) -> Vec<(u64, u64)> {
        order.iter().map(|row| (matrix.row(*row)[0].to_bits(), matrix.label(*row)[0].to_bits())).collect()
    }

    #[test]
    fn the_split_does_not_depend_on_the_physical_order() {
        let labels: Vec<f64> = (0..100).map(|row| f64::from(row % 3)).collect();
        let one = matrix(&labels);
        let mut other = one.clone();
        other.reorder(&(0..100).rev().collect::<Vec<_>>());
        for sampling in [Sampling::Random, Sampling::Stratified] {
            let first = order(&one, &Layout::default(), 25, sampling, true);
            let second = order(&other, &Layout::default(), 25, sampling, true);
            assert_ne!(first, second);
            assert_eq!(contents(&one, &first), contents(&other, &second));
        }
    }

    #[test]
    fn the_shuffle_is_pinned() {
        // Catches any change to the hash, which would silently give old snapshots another split.
        let matrix = matrix(&[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(order(&matrix, &Layout::default(), 2, Sampling::Random, true), PINNED);
    }
    const PINNED: [usize; 8] = [0, 5, 6, 3, 4, 1, 7, 2];

    #[test]
    fn negative_zero_is_zero() {
        let mut one = matrix(&[0.0, 1.0]);
        let before = Contents::of(&one, &Layout::default()).hash(&one, 0);
        one.x[0] = -0.0;
        assert_eq!(Contents::of(&one, &Layout::default()).hash(&one, 0), before);
    }

    /// Catches a table of few different rows, some of which no training would see.
    #[test]
    fn equal_rows_are_on_both_sides() {
        let labels: Vec<f64> = (0..240).map(|row| f64::from(row % 3)).collect();
        let mut matrix = matrix(&labels);
        matrix.x = (0..240).map(|row| f64::from(row % 15)).collect();
        for sampling in [Sampling::Random, Sampling::Stratified] {
            let order = order(&matrix, &Layout::default(), 60, sampling, true);
            for value in 0..15 {
                let there = |rows: &[usize]| rows.iter().filter(|row| matrix.row(**row)[0] == f64::from(value)).count();
                assert!(there(&order[..180]) > 0 && there(&order[180..]) < 16, "{sampling:?}: {value}");
            }
        }
    }

    /// Catches a split that depends on the order of the columns.
    #[test]
    fn columns_may_stand_in_another_order() {
        let column = |name: &str| Column {
            name: name.into(),
            type_name: "float8".into(),
            element: "float8".into(),
            array: false,
            nullable: false,
            values: Vec::new(),
        };
        let hash = |names: [&str; 2], row: [f64; 2]| {
            let layout =
                Layout { features: names.map(column).to_vec(), labels: vec![column("y")], ..Layout::default() };
            let mut one = matrix(&[5.0]);
            (one.features, one.widths, one.texts, one.x) = (2, vec![1, 1], vec![Vec::new(); 2], row.to_vec());
            Contents::of(&one, &layout).hash(&one, 0)
        };
        assert_eq!(hash(["a", "b"], [1.0, 2.0]), hash(["b", "a"], [2.0, 1.0]));
        assert_ne!(hash(["a", "b"], [1.0, 2.0]), hash(["a", "b"], [2.0, 1.0]));
    }

    #[test]
    fn stratified_gives_each_class_its_share() {
        let labels: Vec<f64> = (0..120).map(|row| if row < 90 { 0.0 } else { 1.0 }).collect();
        let matrix = matrix(&labels);
        let order = order(&matrix, &Layout::default(), 30, Sampling::Stratified, true);
        let ones = order[90..].iter().filter(|row| labels[**row] == 1.0).count();
        assert!((7..=8).contains(&ones), "{ones} of 30");
    }

    #[test]
    fn stratified_keeps_the_only_row_of_a_class_for_training() {
        for single in 0..12 {
            let labels: Vec<f64> = (0..12).map(|row| if row == single { 9.0 } else { f64::from(row % 2) }).collect();
            let matrix = matrix(&labels);
            let order = order(&matrix, &Layout::default(), 4, Sampling::Stratified, true);
            assert!(order[..8].contains(&(single as usize)));
        }
    }

    #[test]
    fn stratified_covers_a_continuous_label() {
        let labels: Vec<f64> = (0..400).map(f64::from).collect();
        let matrix = matrix(&labels);
        let order = order(&matrix, &Layout::default(), 100, Sampling::Stratified, false);
        let tested: Vec<f64> = order[300..].iter().map(|row| labels[*row]).collect();
        for tenth in 0..10 {
            let range = f64::from(40 * tenth)..f64::from(40 * (tenth + 1));
            assert_eq!(tested.iter().filter(|label| range.contains(label)).count(), 10, "{tested:?}");
        }
    }

    /// Catches a model of last week that is scored on rows from which it has learned.
    #[test]
    fn rows_keep_their_sides_when_rows_are_added() {
        let names = |row: usize| ["north", "south", "west"][row % 3];
        for (classes, sampling) in
            [(true, Sampling::Stratified), (false, Sampling::Stratified), (false, Sampling::Random)]
        {
            let sides = |rows: usize, first: &str| {
                // Another text comes before all others, and gives each of them another number.
                let mut texts: Vec<String> = ["north", "south", "west"].map(String::from).to_vec();
                texts.extend((!first.is_empty()).then(|| first.to_string()));
                texts.sort();
                let place = |row: usize| texts.iter().position(|text| text == names(row)).unwrap_or_default() as f64;
                let mut matrix = matrix(&(0..rows).map(place).collect::<Vec<f64>>());
                match classes {
                    true => matrix.classes = vec![Classes::Texts { type_name: "text".into(), texts: texts.clone() }],
                    false => matrix.y = (0..rows).map(|row| ((row * 7919) % 1009) as f64).collect(),
                }
                matrix.features = 2;
                matrix.widths = vec![1, 1];
                matrix.x = (0..rows).flat_map(|row| [row as f64 * 1.5, place(row)]).collect();
                matrix.texts = vec![Vec::new(), texts];
                let order = order(&matrix, &Layout::default(), rows / 4, sampling, classes);
                let mut tested = vec![false; rows];
                order[rows - rows / 4..].iter().for_each(|row| tested[*row] = true);
                tested
            };
            let before = sides(1000, "");
            for (rows, most) in [(1000, 0), (1010, 12), (2000, 60)] {
                let after = sides(rows, "east");
                let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
                assert!(changed <= most, "{sampling:?}, {classes}, {rows} rows: {changed} of 1000 have changed sides");
            }
        }
    }

    #[test]
    fn last_keeps_the_order() {
        assert_eq!(order(&matrix(&[1.0, 0.0, 1.0]), &Layout::default(), 1, Sampling::Last, true), [0, 1, 2]);
    }

    #[test]
    fn first_tests_on_the_first_rows_and_trains_on_all_others() {
        // 1.0 trained on the share that was to be tested on.
        assert_eq!(order(&matrix(&[1.0, 0.0, 1.0, 0.0]), &Layout::default(), 1, Sampling::First, true), [1, 2, 3, 0]);
    }

    #[test]
    fn sizes_are_shares_or_rows() {
        let rows = |rows, size| test_rows("t", rows, size);
        assert_eq!(rows(442, 0.25), Ok(111));
        assert_eq!(rows(1000, 0.1), Ok(100));
        assert_eq!(rows(100, 0.07), Ok(7));
        assert_eq!(rows(100, 30.0), Ok(30));
        assert_eq!(rows(2, 0.25), Ok(1));
        for wrong in [0.0, -0.5, 1.0, 1.5, f32::NAN] {
            assert!(matches!(rows(100, wrong), Err(Error::TestSize(_))), "{wrong}");
        }
        assert!(matches!(rows(100, 100.0), Err(Error::TestTooLarge { .. })));
        assert!(matches!(rows(2, 0.9), Err(Error::TestTooLarge { .. })));
    }
}
