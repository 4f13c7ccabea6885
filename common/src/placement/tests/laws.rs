//! What holds for every list of members and every change of it.

use super::{alike, factor, member, members, places};
use crate::id::NodeId;
use crate::placement::layout::{Epoch, Layout, ReplicationFactor};
use crate::placement::members::{Member, Members};
use crate::placement::plan::{first, moved, next};
use crate::placement::share::Shares;
use crate::placement::slot::{SLOTS, Slot};
use crate::placement::spread::Spread;
use crate::testing::{Case, for_all};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// A random list: a few to some dozen nodes, weights and zones of several kinds.
fn any_list(case: &mut Case) -> Vec<Member> {
    let size = case.size;
    let nodes = 1 + case.below(size);
    let weight_max = *case.pick(&[1, 1, 4, 100, 1 << 31]);
    let zones = *case.pick(&[1, 1, 2, 3, 5]);
    (0..nodes).map(|_| any_member(case, weight_max, zones)).collect()
}

fn any_member(case: &mut Case, weight_max: usize, zones: usize) -> Member {
    let weight = 1 + case.below(weight_max) as u32;
    let zone = case.below(zones);
    let zone = if zone == 0 { String::new() } else { format!("zone{zone}") };
    member(case.word(), weight, &zone)
}

fn any_factor(case: &mut Case) -> ReplicationFactor {
    factor(*case.pick(&[1, 2, 3, 3, 3, 5]))
}

/// One to three members less, more, or different.
fn any_change(case: &mut Case, list: &mut Vec<Member>) {
    for _ in 0..1 + case.below(3) {
        let at = case.below(list.len());
        match case.below(5) {
            0 | 1 if list.len() > 1 => _ = list.swap_remove(at),
            2 => list[at].weight = 1 + case.below(5) as u32,
            3 => list[at].zone = format!("zone{}", case.below(4)),
            _ => list.push(any_member(case, 4, 4)),
        }
    }
}

/// A chain of layouts: the first one of a random list, then some after random changes.
fn any_chain(case: &mut Case, law: impl Fn(Option<&Layout>, &Layout)) {
    let mut list = any_list(case);
    let mut factor = any_factor(case);
    let mut layout = first(&members(list.clone()), factor);
    law(None, &layout);
    for _ in 0..2 {
        any_change(case, &mut list);
        if case.chance(10) {
            factor = any_factor(case);
        }
        let after = next(&layout, &members(list.clone()), factor);
        law(Some(&layout), &after);
        layout = after;
    }
}

fn shares(layout: &Layout) -> Shares {
    let members = layout.members();
    Shares::of_places(members, &Spread::new(members, layout.factor().owners(members.len())))
}

#[test]
fn every_slot_has_different_owners_spread_as_evenly_as_the_zones_allow() {
    for_all(24, |case| {
        any_chain(case, |_, layout| {
            let members = layout.members();
            let mut sizes = BTreeMap::new();
            members.as_slice().iter().for_each(|m| *sizes.entry(&m.zone).or_insert(0) += 1);
            for slot in Slot::all() {
                let owners = layout.owners(slot);
                assert_eq!(owners.len(), layout.factor().number().min(members.len()));
                let mut zones: BTreeMap<&String, usize> = sizes.keys().map(|z| (*z, 0)).collect();
                for (at, &owner) in owners.iter().enumerate() {
                    assert!(!owners[..at].contains(&owner), "{owner:?} owns {slot:?} twice");
                    *zones.get_mut(&members.get(owner).unwrap().zone).unwrap() += 1;
                }
                let with_room = zones.iter().filter(|(zone, owners)| **owners < sizes[**zone]);
                let fewest = with_room.map(|(_, &owners)| owners).min();
                let uneven = zones.values().find(|&&o| fewest.is_some_and(|few| o > few + 1));
                assert_eq!(uneven, None, "{slot:?} could be spread better: {zones:?}");
            }
        });
    });
}

#[test]
fn no_member_has_more_than_its_share_of_places_and_homes() {
    for_all(24, |case| {
        any_chain(case, |_, layout| {
            let each = layout.owners(Slot::FIRST).len();
            let all = places(layout, each);
            let most = shares(layout).most;
            assert!(all.iter().zip(&most).all(|(has, most)| has <= most), "{all:?} {most:?}");
            let of_homes = Shares::of_homes(layout.members(), &all).most;
            for (at, &homes) in places(layout, 1).iter().enumerate() {
                let most = of_homes[at].max(all[at].div_ceil(each as u32));
                assert!(homes <= most, "{homes} homes, {most} is the share");
            }
        });
    });
}

#[test]
fn the_highest_load_per_weight_is_the_lowest_possible() {
    for_all(24, |case| {
        let mut list = any_list(case);
        list.iter_mut().for_each(|member| member.zone.clear());
        let factor = any_factor(case);
        let layout = first(&members(list), factor);
        let members = layout.members().as_slice();
        // D'Hondt as it is defined: the next place goes to whoever has the least after it.
        let each = factor.owners(members.len());
        let mut fair = vec![0u32; members.len()];
        for _ in 0..each * usize::from(SLOTS) {
            let open = (0..members.len()).filter(|&at| fair[at] < u32::from(SLOTS));
            let after = |at: &usize| f64::from(fair[*at] + 1) / f64::from(members[*at].weight);
            let next = open.min_by(|a, b| after(a).total_cmp(&after(b))).unwrap();
            fair[next] += 1;
        }
        let highest = |places: &[u32]| {
            let loads = places.iter().zip(members).filter(|(has, _)| **has < u32::from(SLOTS));
            loads.map(|(has, m)| f64::from(*has) / f64::from(m.weight)).fold(0.0, f64::max)
        };
        let (ours, best) = (highest(&places(&layout, each)), highest(&fair));
        assert!(ours <= best + 1e-9, "{ours} per weight instead of {best}");
    });
}

#[test]
fn the_order_of_the_list_does_not_matter() {
    for_all(12, |case| {
        let (mut list, factor) = (any_list(case), any_factor(case));
        let before = first(&members(list.clone()), factor);
        case.shuffle(&mut list);
        assert_eq!(before, first(&members(list.clone()), factor));
        any_change(case, &mut list);
        let after = next(&before, &members(list.clone()), factor);
        case.shuffle(&mut list);
        assert_eq!(after, next(&before, &members(list), factor));
    });
}

#[test]
fn nothing_moves_when_nothing_changes() {
    for_all(12, |case| {
        any_chain(case, |_, layout| {
            let same = next(layout, layout.members(), layout.factor());
            assert_eq!(same.epoch(), layout.epoch().next());
            assert!(Slot::all().all(|slot| same.owners(slot) == layout.owners(slot)));
        });
    });
}

#[test]
fn a_node_that_comes_gets_its_share_and_little_else_moves() {
    for_all(12, |case| {
        let list = any_list(case);
        let factor = any_factor(case);
        let before = first(&members(list.clone()), factor);
        if list.len() <= factor.number() {
            return;
        }
        // As heavy as another one, in the same zone: nobody else's bounds change much.
        let new = Member { id: NodeId(case.word()), ..case.pick(&list).clone() };
        let at = new.id;
        let after = next(&before, &members([list, vec![new]].concat()), factor);
        let gained = after.groups_of(at).map(|group| group.slots.len()).sum::<usize>();
        let at = after.members().index_of(at).unwrap();
        assert!(gained >= shares(&after).least[at] as usize);
        let moved = moved(&before, &after);
        let zones = after.members().zones();
        let most = if zones == 1 { gained + gained / 50 + 8 } else { gained * 2 + 64 };
        assert!(moved <= most, "{moved} places moved, the new node has {gained}");
    });
}

#[test]
fn in_one_zone_every_member_has_at_least_its_exact_share_rounded_down() {
    for_all(24, |case| {
        let mut list = any_list(case);
        list.iter_mut().for_each(|member| member.zone.clear());
        let factor = any_factor(case);
        let before = first(&members(list.clone()), factor);
        list.swap_remove(0);
        list.push(any_member(case, 100, 1));
        for layout in [&before, &next(&before, &members(list), factor)] {
            let members = layout.members().as_slice();
            let all = places(layout, layout.owners(Slot::FIRST).len());
            let least = shares(layout).least;
            assert!(all.iter().zip(&least).all(|(has, least)| has >= least), "{all:?} {least:?}");
            // Where nobody is full, that share is what the weight says.
            let weights: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
            let places: u64 = all.iter().copied().map(u64::from).sum();
            let exact =
                |weight: u32| (u128::from(weight) * u128::from(places)) / u128::from(weights);
            for (member, least) in members.iter().zip(least) {
                let is_even = all.iter().all(|&has| has < u32::from(SLOTS));
                assert!(!is_even || u128::from(least) == exact(member.weight));
            }
        }
    });
}

#[test]
fn groups_share_all_slots_out_and_agree_with_the_owners() {
    for_all(12, |case| {
        any_chain(case, |_, layout| {
            let mut seen = vec![false; SLOTS.into()];
            for group in layout.groups() {
                assert!(!group.slots.is_empty() && group.slots.is_sorted());
                for &slot in group.slots {
                    assert!(!std::mem::replace(&mut seen[usize::from(slot.number())], true));
                    assert_eq!(layout.group_of(slot), group.id);
                    assert_eq!(layout.owners(slot), group.owners);
                }
            }
            assert!(seen.into_iter().all(|seen| seen));
            let mut owners: Vec<_> = layout.groups().map(|group| group.owners).collect();
            owners.sort_unstable();
            owners.dedup();
            assert_eq!(owners.len(), layout.groups().len(), "two groups have the same owners");
            for member in layout.members().as_slice() {
                let of_node: Vec<_> = layout.groups_of(member.id).collect();
                let owned = layout.groups().filter(|group| group.owners.contains(&member.id));
                assert_eq!(of_node, owned.collect::<Vec<_>>());
            }
        });
    });
}

#[test]
fn a_preference_list_has_every_member_once_and_the_owners_first() {
    let layout = first(&alike(0..9), factor(3));
    for slot in Slot::all().step_by(100) {
        let mut list = layout.preference(slot);
        assert_eq!(list[..3], *layout.owners(slot));
        assert_eq!(list[3..], layout.fallbacks(slot));
        list.sort_unstable();
        assert!(list.into_iter().eq((0..9).map(NodeId)));
    }
}

#[test]
fn the_home_is_the_first_healthy_owner() {
    let layout = first(&alike(0..5), factor(3));
    let [a, b, c] = *layout.owners(Slot::FIRST) else { panic!("three owners") };
    assert_eq!(layout.home(Slot::FIRST, |_| true), Some(a));
    assert_eq!(layout.home(Slot::FIRST, |node| node != a), Some(b));
    assert_eq!(layout.home(Slot::FIRST, |node| node == c), Some(c));
    assert_eq!(layout.home(Slot::FIRST, |node| ![a, b, c].contains(&node)), None);
}

#[test]
fn a_node_alone_owns_everything_and_shares_it_with_whoever_comes() {
    let alone = first(&alike(7..8), factor(3));
    assert_eq!(alone.epoch(), Epoch::FIRST);
    assert_eq!(alone.groups().len(), 1);
    assert_eq!(alone.owners(Slot::FIRST), [NodeId(7)]);
    let two = next(&alone, &alike(7..9), factor(3));
    assert_eq!(two.groups().len(), 2);
    assert_eq!(moved(&alone, &two), usize::from(SLOTS));
    assert_eq!(places(&two, 1), [8192, 8192]);
    let back = next(&two, &alike(7..8), factor(3));
    assert_eq!((back.epoch().number(), moved(&two, &back)), (3, 0));
}

#[test]
fn a_layout_is_as_good_after_twenty_changes() {
    let mut case = Case::new(1);
    let mut nodes: Vec<u64> = (0..30).collect();
    let mut layout = first(&alike(nodes.iter().copied()), factor(3));
    let (mut all, mut least) = (0, 0);
    for new in 30..50 {
        if case.chance(50) {
            let gone = nodes.swap_remove(case.below(nodes.len()));
            least += layout.groups_of(NodeId(gone)).map(|group| group.slots.len()).sum::<usize>();
        } else {
            nodes.push(new);
            least += 3 * usize::from(SLOTS) / nodes.len();
        }
        let after = next(&layout, &alike(nodes.iter().copied()), factor(3));
        all += moved(&layout, &after);
        layout = after;
    }
    assert!(all * 100 <= least * 101, "{all} moves, {least} were needed");
    let all = places(&layout, 3);
    assert!(all.iter().max().unwrap() - all.iter().min().unwrap() <= 1, "{all:?}");
}

/// Nodes of different releases must come to the same first layout.
#[test]
fn the_first_layout_of_a_list_stays_as_it_is() {
    let list =
        (0..40).map(|node| member(node, 1 + node as u32 % 3, ["a", "b", "c"][node as usize % 3]));
    let layout = first(&Members::new(list.collect()).unwrap(), factor(3));
    let owners = Slot::all().flat_map(|slot| layout.owners(slot));
    let bytes: Vec<u8> = owners.flat_map(|owner| owner.0.to_le_bytes()).collect();
    assert_eq!(xxh3_64(&bytes), 6_906_517_051_165_164_196);
}
