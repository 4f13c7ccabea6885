//! Micro-benchmarks of the pure core, one file a module: `cargo bench -p kinring-benches --bench
//! micro -- [filter]`. A new file offers `pub fn bench(&mut Criterion)` and gets a line in `main`.

mod causal;
mod coordination;
mod resp;
mod slot;
mod store;
mod wire;

use criterion::Criterion;

/// The one that the binary uses.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    slot::bench(&mut criterion);
    resp::bench(&mut criterion);
    store::bench(&mut criterion);
    causal::bench(&mut criterion);
    coordination::bench(&mut criterion);
    wire::bench(&mut criterion);
    criterion.final_summary();
}
