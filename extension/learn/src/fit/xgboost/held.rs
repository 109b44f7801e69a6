//! Rows that a training which may stop early does not learn from: by their metric it stops.

use super::super::Label;
use super::parameters::Stop;
use crate::random::Random;

/// The places of the rows.
pub struct Split {
    pub learned: Vec<usize>,
    pub held: Vec<usize>,
}

impl Split {
    /// Hold back a share of the rows, and of each class that has several; all are learned from where nothing stops the training.
    pub fn new(rows: usize, label: &Label, stop: Option<&Stop>, seed: u64) -> Split {
        let Some(stop) = stop else { return Split { learned: (0..rows).collect(), held: Vec::new() } };
        let groups: Vec<Vec<usize>> = match label {
            Label::Values(_) => vec![(0..rows).collect()],
            Label::Classes { classes, numbers } => {
                let mut groups = vec![Vec::new(); classes.len()];
                numbers.iter().enumerate().for_each(|(row, number)| groups[*number].push(row));
                groups
            }
        };
        let mut random = Random::new(seed);
        let mut held = Vec::new();
        for mut group in groups {
            random.shuffle(&mut group);
            // At least one of each group is learned from.
            let count = (group.len() as f64 * stop.share).round() as usize;
            group.truncate(count.clamp(usize::from(group.len() > 1), group.len().saturating_sub(1)));
            held.extend(group);
        }
        held.sort_unstable();
        let is_held = |row: &usize| held.binary_search(row).is_ok();
        Split { learned: (0..rows).filter(|row| !is_held(row)).collect(), held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { rounds: 3, share: 0.1 };

    #[test]
    fn each_class_is_held_back_and_learned_from() {
        let numbers: Vec<usize> = (0..100).map(|row| usize::from(row % 20 == 0) + usize::from(row == 50)).collect();
        let label = Label::Classes { classes: vec![0.0, 1.0, 2.0], numbers: numbers.clone() };
        let split = Split::new(100, &label, Some(&STOP), 0);
        let count = |rows: &[usize], class| rows.iter().filter(|row| numbers[**row] == class).count();
        assert_eq!([0, 1].map(|class| count(&split.held, class)), [9, 1]);
        assert_eq!(split.held.len() + split.learned.len(), 100);
        assert!(split.held.iter().all(|row| !split.learned.contains(row)));
        assert_eq!(Split::new(100, &label, Some(&STOP), 0).held, split.held);
        assert_ne!(Split::new(100, &label, Some(&STOP), 1).held, split.held);
    }

    #[test]
    fn nothing_is_held_back_where_nothing_stops() {
        let split = Split::new(3, &Label::Values(vec![1.0; 3]), None, 0);
        assert_eq!((split.learned, split.held), (vec![0, 1, 2], vec![]));
    }
}
