//! `cargo bench -p kinring-benches --bench peer -- [options]`: see [`kinring_benches::peer`].

use std::process::ExitCode;

fn main() -> ExitCode {
    kinring_benches::peer::main()
}
