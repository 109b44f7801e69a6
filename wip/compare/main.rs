use pgml_core::model::{Model, Work, check::{Sample, check}};
fn f(p: String) -> Option<Vec<f64>> { Some(std::fs::read(p).ok()?.as_chunks::<8>().0.iter().map(|c| f64::from_le_bytes(*c)).collect()) }
fn main() {
    for d in std::env::args().skip(1) {
        let b = std::fs::read(format!("{d}/m")).unwrap();
        let (x, y, p) = (f(format!("{d}/x")).unwrap(), f(format!("{d}/y")).unwrap(), f(format!("{d}/p")));
        match Model::read(&b) {
            Err(e) => println!("{d} READ {e}"),
            Ok(m) => {
                let rows = x.len() / m.features;
                let r = check(&m, &Sample { rows, features: &x, labels: &y, probabilities: p.as_deref() });
                let mut w = Work::default(); let mut o = Vec::new();
                let t = std::time::Instant::now();
                for _ in 0..10 { for r in x.chunks_exact(m.features) { o.clear(); let _ = m.predict(r, &mut w, &mut o); } }
                println!("{d} {r:?} bytes={} proba={:?}/{} us/row={:.3}", b.len(), m.classes(), p.is_some(), t.elapsed().as_secs_f64()*1e5/rows as f64);
            }
        }
    }
}
