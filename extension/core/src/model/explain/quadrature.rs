//! Integrals of polynomials from 0 to 1, exact but for rounding: Gauss's and Legendre's.
//!
//! Shapley's weight of a set of `s` of `d - 1` other features is the integral of t^s (1 - t)^(d - 1 - s). So what would be a sum over
//! all sets is the integral of a product with a factor for each feature, a polynomial of degree `d - 1`, and `d / 2` points give it.

/// Points that are worked on side by side.
pub const LANES: usize = 4;

/// A number at each of some points.
pub type Lanes = [f64; LANES];

/// The points of a rule with their weights, [`LANES`] of them at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The points t.
    pub at: Vec<Lanes>,
    /// 1 - t.
    pub from_end: Vec<Lanes>,
    /// 1 / (1 - t).
    pub inverse: Vec<Lanes>,
    pub weights: Vec<Lanes>,
}

impl Rule {
    /// For products of as many factors.
    pub fn new(factors: usize) -> Rule {
        let blocks = Rule::blocks_for(factors);
        let count = blocks * LANES;
        let mut rule = Rule { at: Vec::new(), from_end: Vec::new(), inverse: Vec::new(), weights: Vec::new() };
        let points: Vec<(f64, f64)> = (0..count).map(|place| point(count, place)).collect();
        for block in points.chunks_exact(LANES) {
            let lanes = |of: &dyn Fn(f64, f64) -> f64| std::array::from_fn(|lane| of(block[lane].0, block[lane].1));
            rule.at.push(lanes(&|x, _| (1.0 + x) / 2.0));
            rule.from_end.push(lanes(&|x, _| (1.0 - x) / 2.0));
            rule.inverse.push(lanes(&|x, _| 2.0 / (1.0 - x)));
            // The rule is one from -1 to 1, which is twice as long.
            rule.weights.push(lanes(&|x, slope| 1.0 / ((1.0 - x * x) * slope * slope)));
        }
        rule
    }

    /// How many [`Lanes`] a rule for products of as many factors has.
    pub fn blocks_for(factors: usize) -> usize {
        factors.div_ceil(2).div_ceil(LANES).max(1)
    }

    /// How many [`Lanes`] there are.
    pub fn blocks(&self) -> usize {
        self.at.len()
    }
}

/// A zero of Legendre's polynomial of a degree, by Newton's method, and the slope there.
fn point(degree: usize, place: usize) -> (f64, f64) {
    // Four steps are enough from here, for every degree; more do no harm.
    const STEPS: usize = 8;
    let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (degree as f64 + 0.5)).cos();
    let mut slope = 1.0;
    for _ in 0..STEPS {
        let (mut before, mut value) = (1.0, x);
        for n in 2..=degree {
            let n = n as f64;
            (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
        }
        slope = degree as f64 * (x * value - before) / (x * x - 1.0);
        x -= value / slope;
    }
    (x, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapley_s_weights_are_its_integrals() {
        for factors in [1, 2, 7, 8, 9, 16, 31, 64, 200] {
            let rule = Rule::new(factors);
            let flat = |of: &[Lanes]| of.as_flattened().to_vec();
            let (at, weights) = (flat(&rule.at), flat(&rule.weights));
            let mut wanted = 1.0 / factors as f64;
            for set in 0..factors {
                let others = factors - 1 - set;
                let powers = |t: &f64| t.powi(set as i32) * (1.0 - t).powi(others as i32);
                let found: f64 = at.iter().zip(&weights).map(|(t, weight)| weight * powers(t)).sum();
                assert!((found / wanted - 1.0).abs() < 1e-11, "{set} of {factors}: {found} instead of {wanted}");
                // s! (d - 1 - s)! / d!
                wanted *= (set + 1) as f64 / others.max(1) as f64;
            }
        }
    }
}
