//! What is known of a column's numbers: the measures that PostgresML 2.x notes in a snapshot, by the same names.

use serde::Serialize;

/// The bars of a histogram.
const BARS: usize = 20;

/// Measures of the numbers that are there; those that are missing are only counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    pub min: f64,
    pub max: f64,
    pub max_abs: f64,
    pub mean: f64,
    pub median: f64,
    /// The most frequent number; of several the one in the middle, as in PostgresML.
    pub mode: f64,
    pub variance: f64,
    pub std_dev: f64,
    pub missing: usize,
    pub distinct: usize,
    /// How many numbers lie in each twentieth of the range.
    pub histogram: Vec<usize>,
    /// The numbers below which one twentieth, two, … of all lie.
    pub ventiles: Vec<f64>,
    #[serde(skip)]
    pub quartiles: (f64, f64),
}

impl Statistics {
    /// None when no number is there.
    pub fn of(mut numbers: Vec<f64>) -> Option<Statistics> {
        let all = numbers.len();
        numbers.retain(|number| !number.is_nan());
        numbers.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let variance = numbers.iter().map(|number| (number - mean) * (number - mean)).sum::<f64>() / count;
        let runs: Vec<&[f64]> = numbers.chunk_by(|a, b| a == b).collect();
        let longest = runs.iter().map(|run| run.len()).max()?;
        let modes: Vec<f64> = runs.iter().filter(|run| run.len() == longest).map(|run| run[0]).collect();
        let mut histogram = vec![0; BARS];
        for number in &numbers {
            let place = (number - min) / (max - min) * BARS as f64;
            histogram[(place as usize).min(BARS - 1)] += 1;
        }
        Some(Statistics {
            min,
            max,
            max_abs: min.abs().max(max.abs()),
            mean,
            median: quantile(&numbers, 0.5),
            mode: modes[modes.len() / 2],
            variance,
            std_dev: variance.sqrt(),
            missing: all - numbers.len(),
            distinct: runs.len(),
            histogram,
            ventiles: (1..BARS).map(|part| quantile(&numbers, part as f64 / BARS as f64)).collect(),
            quartiles: (quantile(&numbers, 0.25), quantile(&numbers, 0.75)),
        })
    }
}

/// The number below which a share of the sorted numbers lies, between two of them if need be, as NumPy computes it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor();
    let (low, high) = (sorted[below as usize], sorted[place.ceil() as usize]);
    let part = place - below;
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // numpy: x = [1, 2, 2, 3, 7, 9]; x.mean(), x.var(), np.median(x), np.quantile(x, [.25, .75, .05, .95])
    #[test]
    fn measures_are_numpy_s() {
        let found = Statistics::of(vec![9.0, 2.0, f64::NAN, 1.0, 3.0, 2.0, 7.0]).expect("numbers");
        assert_eq!((found.min, found.max, found.max_abs, found.mean), (1.0, 9.0, 9.0, 4.0));
        assert!((found.variance - 8.666666666666666).abs() < 1e-15);
        assert_eq!((found.median, found.quartiles, found.mode), (2.5, (2.0, 6.0), 2.0));
        assert_eq!((found.ventiles[0], found.ventiles[18]), (1.25, 8.5));
        assert_eq!((found.missing, found.distinct), (1, 5));
        assert_eq!((found.histogram.len(), found.histogram.iter().sum::<usize>(), found.histogram[19]), (20, 6, 1));
    }

    #[test]
    fn one_number_has_no_spread_and_none_has_nothing() {
        let found = Statistics::of(vec![5.0, 5.0]).expect("numbers");
        assert_eq!((found.std_dev, found.quartiles, found.histogram[0]), (0.0, (5.0, 5.0), 2));
        assert_eq!(Statistics::of(vec![f64::NAN]), None);
    }
}
