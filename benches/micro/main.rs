//! Micro-benchmarks of the pure core, one file a module: `cargo bench -p kinring-benches --bench
//! micro -- [filter]`. A new file offers `pub fn bench(&mut Criterion)` and gets a line in `main`.

mod slot;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    slot::bench(&mut criterion);
    criterion.final_summary();
}
