//! The house rules that no compiler checks: what a reader may rely on in every file.

use std::fs;
use std::path::{Path, PathBuf};

/// A file past this is several files. Tables of data and tests are long lists of short things.
const LINES_MAX: usize = 520;

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace holds this package").to_path_buf()
}

/// Every Rust file of the workspace, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["common", "shard", "proxy", "tests", "benches"].map(|member| root().join(member)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a member is a folder") {
            let path = entry.expect("a folder can be read").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source is text");
                let name = path.strip_prefix(root()).expect("it is below").display().to_string();
                found.push((name, text));
            }
        }
    }
    assert!(found.len() > 80, "the walk finds the sources");
    found
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for (name, text) in sources() {
        let opens = text.starts_with("//!") || text.starts_with("#![no_main]");
        assert!(opens, "{name} does not open with a module comment");
    }
}

#[test]
fn no_file_is_several_files() {
    for (name, text) in sources() {
        let exempt = name.contains("test") || name.starts_with("common/src/command/table/");
        let lines = text.lines().count();
        assert!(exempt || lines <= LINES_MAX, "{name} has {lines} lines");
    }
}

#[test]
fn unsafe_stays_in_the_room_of_the_table() {
    for (name, text) in sources() {
        let opens = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|word| code.contains(word))
        });
        let room =
            name.starts_with("common/src/keyspace/table/") || name.starts_with("tests/tidy/");
        assert!(!opens || room, "{name} has `unsafe`");
    }
}

#[test]
fn nothing_is_left_to_do_later() {
    let words = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "todo".to_owned() + "!("];
    for (name, text) in sources() {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{name} has {word}");
        }
    }
}

#[test]
fn every_member_has_the_lints_of_the_workspace() {
    for member in ["common", "shard", "proxy", "tests", "benches"] {
        let path = root().join(member).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a member has a manifest");
        assert!(text.contains("[lints]\nworkspace = true"), "{member} has lints of its own");
    }
}

#[test]
fn the_code_map_names_what_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let mut checked = 0;
    for row in rows {
        let name = row.trim_start_matches("| `").split('`').next().unwrap_or_default();
        assert!(root().join(name).exists(), "the README names {name}");
        checked += 1;
    }
    assert!(checked >= 8, "the code map was found");
}
