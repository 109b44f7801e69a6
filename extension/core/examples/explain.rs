//! Explains the rows of a file with a model: `explain MODEL ROWS`, both as `tests/explain/speed.py` writes them. Prints the seconds
//! that it took, and the sum of all contributions with the bases.

use std::time::Instant;

use pgml_core::model::Model;
use pgml_core::model::explain::Explainer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, rows] = &arguments[..] else { return Err("explain MODEL ROWS".into()) };
    let model = Model::read(&std::fs::read(model)?)?;
    let bytes = std::fs::read(rows)?;
    let (numbers, _) = bytes.as_chunks::<8>();
    let rows: Vec<f64> = numbers.iter().map(|value| f64::from_le_bytes(*value)).collect();
    let began = Instant::now();
    let explainer = Explainer::new(&model, &|| {})?;
    let mut sum = 0.0;
    for row in rows.chunks_exact(model.features) {
        let found = explainer.explain(&model, row, None, &|| {}).map_err(|_| "a row that is not answered")?;
        sum += found.base + found.of_features.iter().sum::<f64>();
    }
    println!("{} {sum}", began.elapsed().as_secs_f64());
    Ok(())
}
