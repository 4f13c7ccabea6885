//! The tables of cases, and that no command is without one.

use crate::start;
use kinring_tests::differential::case::{Outcome, Table};
use std::collections::BTreeSet;
use std::path::Path;

/// All files, in the order of their names.
fn tables() -> Vec<Table> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/cases");
    let files = std::fs::read_dir(dir).expect("the directory of the cases is there");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    paths.sort();
    let table = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(path).expect("it can be read");
        Table::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"))
    };
    paths.iter().map(table).collect()
}

#[test]
fn every_case_gives_the_replies_of_redis() {
    let Some((_kinring, _redis, twins)) = start() else { return };
    let mut outcome = Outcome::default();
    let tables = tables();
    for table in &tables {
        for protocol in ["2", "3"] {
            let ran = table.run(&twins, protocol, &mut outcome);
            ran.unwrap_or_else(|error| panic!("{} in RESP{protocol}: {error}", table.name));
        }
    }
    let cases: usize = tables.iter().map(|table| table.cases.len()).sum();
    println!("{cases} cases, {} replies compared", outcome.compared);
    println!("{} known differences:\n{}", outcome.known.len(), outcome.known.join("\n"));
    let failures = outcome.failures.len();
    assert!(failures == 0, "{failures} differences:\n{}", outcome.failures.join("\n"));
}

#[test]
fn every_row_of_the_command_table_has_a_case() {
    let mut named = BTreeSet::new();
    for table in &tables() {
        for words in table.requests() {
            let word =
                |at: usize| words.get(at).map(|word| String::from_utf8_lossy(word).to_lowercase());
            let name = word(0).unwrap_or_default();
            named.extend(word(1).map(|second| format!("{name}|{second}")));
            named.insert(name);
        }
    }
    let rows = kinring_common::command::table::TABLE.iter().map(|row| row.name);
    let missing: Vec<&str> = rows.filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "commands without a case: {missing:?}");
}
