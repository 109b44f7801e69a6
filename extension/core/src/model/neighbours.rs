//! Scores that are means over the nearest of the rows that training kept.

use super::linear::finite;
use super::{AskPython, Work};
use crate::slab::Slab;

/// Rows with what is known of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    pub(super) count: usize,
    /// Whether near ones count more: by the inverse of their distance.
    pub(super) by_distance: bool,
    features: usize,
    pub(super) points: Slab<f64>,
    /// So many values for each point.
    pub(super) width: usize,
    pub(super) values: Slab<f64>,
}

impl Neighbours {
    /// None when the sizes do not fit together.
    pub fn new(
        count: usize,
        by_distance: bool,
        features: usize,
        points: Vec<f64>,
        width: usize,
        values: Vec<f64>,
    ) -> Option<Neighbours> {
        let rows = points.len().checked_div(features)?;
        let fits = count > 0
            && width > 0
            && count <= rows
            && rows * features == points.len()
            && rows.checked_mul(width) == Some(values.len())
            && points.iter().all(|value| value.is_finite());
        fits.then(|| Neighbours { count, by_distance, features, points: points.into(), width, values: values.into() })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub(super) fn scores(&self, row: &[f64], work: &mut Work) -> Result<(), AskPython> {
        finite(row)?;
        let Work { scores, pairs, .. } = work;
        pairs.clear();
        let squares = |point: &[f64]| point.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let points = self.points.chunks_exact(self.features).enumerate();
        // A place below 2^53 is a float as it is.
        pairs.extend(points.map(|(place, point)| (squares(point), place as f64)));
        // Of equally far ones, the first.
        let order = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
        pairs.select_nth_unstable_by(self.count - 1, order);
        pairs.truncate(self.count);
        pairs.sort_unstable_by(order);
        scores.clear();
        scores.resize(self.width, 0.0);
        let same = self.by_distance && pairs[0].0 == 0.0;
        let mut total = 0.0;
        for (squares, place) in pairs.iter() {
            let weight = match (self.by_distance, same) {
                (false, _) => 1.0,
                (true, true) => f64::from(u8::from(*squares == 0.0)),
                (true, false) => 1.0 / squares.sqrt(),
            };
            total += weight;
            let values = &self.values[*place as usize * self.width..][..self.width];
            scores.iter_mut().zip(values).for_each(|(score, value)| *score += weight * value);
        }
        scores.iter_mut().for_each(|score| *score /= total);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(count: usize, by_distance: bool, row: &[f64]) -> f64 {
        let kept = vec![0.0, 1.0, 3.0, 7.0];
        let model = Neighbours::new(count, by_distance, 1, kept, 1, vec![10.0, 20.0, 30.0, 40.0]).expect("it fits");
        let mut work = Work::default();
        model.scores(row, &mut work).expect("a finite row");
        work.scores[0]
    }

    #[test]
    fn the_nearest_are_averaged() {
        assert_eq!(scores(2, false, &[2.5]), 25.0);
        assert_eq!(scores(1, false, &[100.0]), 40.0);
        assert_eq!(scores(4, false, &[0.0]), 25.0);
    }

    #[test]
    fn near_ones_count_more_and_an_equal_one_alone() {
        // (20 / 1.5 + 30 / 0.5) / (1 / 1.5 + 1 / 0.5)
        assert!((scores(2, true, &[2.5]) - 27.5).abs() < 1e-12);
        assert_eq!(scores(2, true, &[3.0]), 30.0);
    }

    #[test]
    fn of_equally_far_ones_the_first_counts() {
        assert_eq!(scores(1, false, &[2.0]), 20.0);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for (count, points, width, values) in
            [(0, 2, 1, 2), (3, 2, 1, 2), (1, 3, 1, 2), (1, 2, 0, 0), (1, 2, usize::MAX, 2)]
        {
            assert_eq!(Neighbours::new(count, false, 1, vec![0.0; points], width, vec![0.0; values]), None);
        }
        assert_eq!(Neighbours::new(1, false, 0, vec![], 1, vec![]), None);
    }
}
