//! The binary itself. That a test of this package needs it makes a `cargo test` of the workspace
//! build it along with everything else, with the features that all have in common: the tests of the
//! whole product then find it, and build nothing again.

use std::process::Command;

#[test]
fn the_binary_says_its_version() {
    let ran = Command::new(env!("CARGO_BIN_EXE_kinring")).arg("--version").output();
    let output = ran.expect("the binary can be run");
    assert!(output.status.success(), "{output:?}");
    let version = format!("kinring {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), version);
}
