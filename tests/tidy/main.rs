//! The source keeps its own rules: those that neither the compiler nor clippy looks at.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files have lost their one subject.
const LINES_MAX: usize = 500;

/// May be longer, with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// The only room where a reviewed exception stands.
const UNSAFE_UNDER: &str = "common/src/keyspace/table/";

/// What a reader finds at the top, besides dotfiles and the workspace's members.
const TOP_LEVEL: &[&str] = &["Cargo.toml", "Cargo.lock", "README.md", "LICENSE", "CHANGELOG.md"];

/// What git does not keep.
const IGNORED: &[&str] = &["target", "kinring-data", "__pycache__"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok().map(name)).collect();
    names.retain(|name| !IGNORED.contains(&name.as_str()));
    names.sort();
    names
}

/// The members as the workspace lists them.
fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let list = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let list = list.expect("the workspace has members").0;
    list.split(',').map(|name| name.trim().trim_matches('"').to_owned()).collect()
}

/// Every text file of the project: its path from the root, and its content.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut dirs: Vec<PathBuf> = members().iter().map(|name| root().join(name)).collect();
    while let Some(dir) = dirs.pop() {
        for name in names(&dir) {
            let path = dir.join(&name);
            if path.is_dir() {
                dirs.push(path);
            } else if extensions.iter().any(|wanted| name.ends_with(wanted)) {
                let short = path.strip_prefix(root()).expect("it is below the root");
                let short = short.to_string_lossy().into_owned();
                let content = read(&short);
                found.push((short, content));
            }
        }
    }
    assert!(found.len() > 20, "the project is larger than {} files", found.len());
    found
}

fn sources() -> Vec<(String, String)> {
    files(&[".rs"])
}

/// Lines of a file that hold a text: `path:line: content`.
fn lines_with(path: &str, content: &str, text: &str) -> Vec<String> {
    let found = content.lines().enumerate().filter(|(_, line)| line.contains(text));
    found.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())).collect()
}

#[track_caller]
fn none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let silent = |(path, content): (String, String)| (!content.starts_with("//!")).then_some(path);
    let wrong: Vec<String> = sources().into_iter().filter_map(silent).collect();
    none(&wrong, "a module opens with //! and what it does");
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let is_test = |path: &str| path.starts_with("tests/") || path.contains("tests");
    let mut wrong = Vec::new();
    for (path, content) in sources() {
        let lines = content.lines().count();
        let known = LONG_FILES.iter().any(|(file, _)| *file == path);
        if lines > LINES_MAX && !is_test(&path) && !known {
            wrong.push(format!("{path}: {lines} lines"));
        }
        assert!(!known || lines > LINES_MAX, "{path} is short: take it off the list");
    }
    none(&wrong, "no file has more than 500 lines");
    let missing = |(file, _): &&(&str, &str)| !root().join(file).exists();
    assert_eq!(LONG_FILES.iter().find(missing), None, "it is gone: take it off the list");
}

#[test]
fn what_is_not_checked_by_the_compiler_stands_in_one_room() {
    // Put together here, so that this file is not found.
    let word = concat!("un", "safe");
    let mut wrong = Vec::new();
    for (path, content) in sources().iter().filter(|(path, _)| !path.starts_with(UNSAFE_UNDER)) {
        for kind in ["{", "fn", "impl", "extern", "trait", "mod"] {
            wrong.extend(lines_with(path, content, &format!("{word} {kind}")));
        }
        wrong.extend(lines_with(path, content, &format!("{word}_code")));
    }
    none(&wrong, &format!("only {UNSAFE_UNDER} may"));
}

#[test]
fn nothing_is_left_for_later() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X "), concat!("to", "do!(")];
    let mut wrong = Vec::new();
    for (path, content) in files(&[".rs", ".toml", ".md", ".py"]) {
        marks.iter().for_each(|mark| wrong.extend(lines_with(&path, &content, mark)));
    }
    none(&wrong, "what is to be done is done, or no business of the source");
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let paths = [concat!("/wo", "rk/"), concat!("/tmp/", "target"), concat!("/ro", "ot/")];
    let mut all = files(&[".rs", ".toml", ".md", ".py", ".txt", ".sh"]);
    for name in TOP_LEVEL.iter().filter(|name| root().join(name).exists()) {
        all.push(((*name).to_owned(), read(name)));
    }
    let mut wrong = Vec::new();
    for (path, content) in &all {
        paths.iter().for_each(|machine| wrong.extend(lines_with(path, content, machine)));
    }
    none(&wrong, "the project builds anywhere");
}

#[test]
fn every_member_inherits_the_lints() {
    for member in members() {
        let manifest = read(&format!("{member}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} has lints of its own");
    }
}

#[test]
fn the_core_cannot_read_clocks_or_open_sockets() {
    let (ours, common) = (read(".clippy.toml"), read("common/.clippy.toml"));
    for line in ours.lines() {
        assert!(common.contains(line), "clippy reads only the nearest file: {line} is missing");
    }
    for path in [
        "std::time::Instant::now",
        "std::time::SystemTime::now",
        "std::net::TcpStream",
        "std::net::TcpListener",
        "std::net::UdpSocket",
        "std::fs::File",
        "std::thread::spawn",
    ] {
        assert!(common.contains(&format!("\"{path}\"")), "{path} is allowed in common");
    }
    let lints = read("Cargo.toml");
    for lint in ["disallowed_methods", "disallowed_types"] {
        assert!(lints.contains(&format!("{lint} = \"warn\"")), "{lint} is off");
    }
    let manifest = read("common/Cargo.toml");
    for shell in ["tokio", "quinn", "sled", "socket2", "mio", "rustix"] {
        let used = manifest.lines().any(|line| line.starts_with(shell));
        assert!(!used, "common has no {shell}");
    }
}

#[test]
fn the_top_level_has_the_members_and_little_else() {
    let members = members();
    let known = |name: &String| TOP_LEVEL.contains(&name.as_str()) || members.contains(name);
    let mut wrong = names(root());
    wrong.retain(|name| !name.starts_with('.') && !known(name));
    none(&wrong, "the top level is the map of the project");
}

#[test]
fn every_place_that_the_readme_names_is_there() {
    let readme = read("README.md");
    // Code blocks hold commands; places stand in the text between back quotes.
    let text: String = readme.split("```").step_by(2).collect();
    let quoted = text.split('`').skip(1).step_by(2);
    let members = members();
    let places: Vec<&str> = quoted
        .filter(|place| members.iter().any(|m| m == place.split('/').next().unwrap_or_default()))
        .filter(|place| !place.contains([' ', '*', ':']))
        .collect();
    assert!(places.len() >= members.len(), "the map is missing: {places:?}");
    for place in places {
        assert!(root().join(place).exists(), "{place} is in the README and nowhere else");
    }
}
