//! The `kinring` binary.

use std::process::ExitCode;

/// jemalloc: it gives memory back, and says how much there is.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    kinring::server::main()
}
