//! How good layouts are: how even, and how little moves. `the_table` prints what a run reaches:
//! `cargo test -p kinring-common --release the_table -- --ignored --nocapture`.

use super::{factor, member, members, places};
use crate::id::NodeId;
use crate::placement::layout::Layout;
use crate::placement::members::Members;
use crate::placement::plan::{first, moved, next};
use crate::placement::share::Shares;
use crate::placement::slot::Slot;
use crate::placement::spread::Spread;

/// How the members of a measured cluster differ.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Alike,
    Weights124,
    ThreeZones,
}

const KINDS: [Kind; 3] = [Kind::Alike, Kind::Weights124, Kind::ThreeZones];

/// What a layout or a change reaches. R is 3.
#[derive(Debug)]
struct Figures {
    /// The highest load per weight, as a multiple of the mean.
    places: f64,
    homes: f64,
    /// Places that moved, as a multiple of what the one node gets (its share) or had.
    moved: f64,
    /// The same for homes.
    homes_moved: f64,
}

fn list(kind: Kind, nodes: impl Iterator<Item = u64>) -> Members {
    let of_kind = |node: u64| match kind {
        Kind::Alike => member(node, 1, ""),
        Kind::Weights124 => member(node, [1, 2, 4][node as usize % 3], ""),
        Kind::ThreeZones => member(node, 1, ["a", "b", "c"][node as usize % 3]),
    };
    members(nodes.map(of_kind).collect())
}

/// One node more.
fn more(kind: Kind, nodes: u64) -> Members {
    list(kind, 0..nodes + 1)
}

/// One in the middle less.
fn fewer(kind: Kind, nodes: u64) -> Members {
    list(kind, (0..nodes).filter(|&node| node != nodes / 2))
}

fn imbalance(layout: &Layout, of: usize) -> f64 {
    let members = layout.members().as_slice();
    let weights: f64 = members.iter().map(|member| f64::from(member.weight)).sum();
    let places = places(layout, of);
    let mean = f64::from(places.iter().sum::<u32>()) / weights;
    let loads = members.iter().zip(places).map(|(m, has)| f64::from(has) / f64::from(m.weight));
    loads.fold(0.0, f64::max) / mean
}

fn change(before: &Layout, after: &Layout, least: (u32, u32)) -> Figures {
    let moved_home = |slot: &Slot| before.owners(*slot)[0] != after.owners(*slot)[0];
    Figures {
        places: imbalance(after, after.owners(Slot::FIRST).len()),
        homes: imbalance(after, 1),
        moved: moved(before, after) as f64 / f64::from(least.0),
        homes_moved: Slot::all().filter(moved_home).count() as f64 / f64::from(least.1),
    }
}

/// The share of the one node that is in `after` and not in `before`.
fn added(before: &Layout, after: &Layout) -> Figures {
    let members = after.members();
    let new = members.as_slice().iter().position(|m| !before.members().contains(m.id)).unwrap();
    let each = factor(3).owners(members.len());
    let least = Shares::of_places(members, &Spread::new(members, each)).least;
    let homes = Shares::of_homes(members, &places(after, each)).least;
    change(before, after, (least[new], homes[new]))
}

fn removed(before: &Layout, after: &Layout, node: u64) -> Figures {
    let at = before.members().index_of(NodeId(node)).unwrap();
    change(before, after, (places(before, 3)[at], places(before, 1)[at]))
}

#[test]
fn layouts_are_even_and_change_little() {
    for kind in KINDS {
        for nodes in [5, 20, 100] {
            check(kind, nodes);
        }
    }
}

#[test]
fn a_thousand_nodes_are_within_the_target() {
    check(Kind::Alike, 1000);
}

fn check(kind: Kind, nodes: u64) {
    let before = first(&list(kind, 0..nodes), factor(3));
    let after = next(&before, &more(kind, nodes), factor(3));
    let without = next(&before, &fewer(kind, nodes), factor(3));
    // Zones of different sizes and members heavier than a third of the whole cannot be even.
    let can_be_even = match kind {
        Kind::Alike => true,
        Kind::Weights124 => nodes > 5,
        Kind::ThreeZones => nodes >= 100,
    };
    let figures = [
        change(&before, &before, (1, 1)),
        added(&before, &after),
        removed(&before, &without, nodes / 2),
    ];
    for figures in figures {
        let homes_max = if nodes < 1000 { 1.01 } else { 1.05 };
        assert!(figures.places < 1.05 || !can_be_even, "{kind:?} {nodes}: {figures:?}");
        assert!(figures.homes < homes_max, "{kind:?} {nodes}: {figures:?}");
        // Without a member that every slot has, two places of many slots move.
        let moved_max = if kind == Kind::Weights124 && nodes == 5 { 1.2 } else { 1.02 };
        assert!(figures.moved < moved_max, "{kind:?} {nodes}: {figures:?}");
        assert!(figures.homes_moved < 1.3, "{kind:?} {nodes}: {figures:?}");
    }
}

#[test]
#[ignore = "it prints figures; it checks nothing"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn the_table() {
    println!(
        "| members | nodes | groups | first: places, homes | fresh +1, −1: moved | planned +1: places, homes, moved, homes moved | planned −1: the same | first, next ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let all = |f: &Figures| {
        format!("{:.3}, {:.3}, {:.2}, {:.2}", f.places, f.homes, f.moved, f.homes_moved)
    };
    for kind in KINDS {
        for nodes in [3, 5, 20, 100, 1000] {
            let begin = std::time::Instant::now();
            let before = first(&list(kind, 0..nodes), factor(3));
            let first_ms = begin.elapsed().as_secs_f64() * 1e3;
            let after = next(&before, &more(kind, nodes), factor(3));
            let without = next(&before, &fewer(kind, nodes), factor(3));
            let next_ms = begin.elapsed().as_secs_f64() * 500.0 - first_ms / 2.0;
            let fresh_more = added(&before, &first(&more(kind, nodes), factor(3)));
            let fresh_fewer = first(&fewer(kind, nodes), factor(3));
            println!(
                "| {kind:?} | {nodes} | {} | {:.3}, {:.3} | {:.2}, {:.2} | {} | {} | {first_ms:.0}, {next_ms:.0} |",
                before.groups().len(),
                imbalance(&before, 3),
                imbalance(&before, 1),
                fresh_more.moved,
                removed(&before, &fresh_fewer, nodes / 2).moved,
                all(&added(&before, &after)),
                all(&removed(&before, &without, nodes / 2)),
            );
        }
    }
}
