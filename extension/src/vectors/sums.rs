//! Sums over vectors whose result is the same on every processor.
//!
//! The vector functions are IMMUTABLE, and an index on one of them keeps what it gave. BLAS chooses its kernels by the processor,
//! and each adds up in another order: on a standby, or after a move to another machine, such an index would not find its
//! rows. Here the order is part of the source: `LANES` partial sums, and their sum from the first to the last. Rust never
//! reorders or fuses floating-point operations, so that the compiler may use any instructions and the bits stay the same.
//!
//! Products and squares of `f32` are exact in `f64`, and no sum of them overflows it.

/// Partial sums: as many as keep the processor's adders busy.
const LANES: usize = 16;

/// The sum of `term` over pairs of elements. Both have the same length.
fn sum_of_pairs(x: &[f32], y: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    debug_assert_eq!(x.len(), y.len());
    let mut sums = [0.0f64; LANES];
    let (x_blocks, y_blocks) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x_blocks.0.iter().zip(y_blocks.0) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_blocks.1).zip(y_blocks.1) {
        *sum += term(*x, *y);
    }
    sums.iter().sum()
}

/// The sum of the products, as it is before it is rounded to `f32`.
pub fn dot(x: &[f32], y: &[f32]) -> f64 {
    sum_of_pairs(x, y, |x, y| f64::from(x) * f64::from(y))
}

/// The sum of the absolute values.
pub fn magnitudes(x: &[f32]) -> f64 {
    sum_of_pairs(x, x, |x, _| f64::from(x.abs()))
}

/// The Euclidean length, summed in double precision.
pub fn length(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

/// The sum of the absolute differences, each rounded to `f32`.
pub fn differences(x: &[f32], y: &[f32]) -> f64 {
    sum_of_pairs(x, y, |x, y| f64::from((x - y).abs()))
}

/// The Euclidean distance, summed in double precision.
pub fn distance(x: &[f32], y: &[f32]) -> f64 {
    let square = |difference: f64| difference * difference;
    sum_of_pairs(x, y, |x, y| square(f64::from(x) - f64::from(y))).sqrt()
}

/// The largest absolute value; zero for no elements. NaN is larger than every number, as Postgres orders it.
pub fn largest_magnitude(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |largest, value| if value.abs() > largest || value.is_nan() { value.abs() } else { largest })
}
