//! Patterns and what they match, by examples of Redis.

use super::*;
use proptest::prelude::*;

/// The definition, by recursion: the first element takes a byte, or a star takes none or one.
fn by_definition(pattern: &[u8], text: &[u8], case: Case) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => {
            by_definition(rest, text, case)
                || !text.is_empty() && by_definition(pattern, &text[1..], case)
        }
        (_, []) => false,
        (_, [byte, text @ ..]) => match_one(pattern, 0, *byte, case)
            .is_some_and(|next| by_definition(&pattern[next..], text, case)),
    }
}

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    for text in yes {
        assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
    }
    for text in no {
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
    }
}

#[test]
fn patterns_match_as_the_manual_says() {
    check("h?llo", &["hello", "hallo"], &["hllo", "heello"]);
    check("h*llo", &["hllo", "heeeello"], &["hell", "ello"]);
    check("h[ae]llo", &["hello", "hallo"], &["hillo"]);
    check("h[^e]llo", &["hallo", "hbllo"], &["hello"]);
    check("h[a-b]llo", &["hallo", "hbllo"], &["hcllo"]);
    check("h\\?llo", &["h?llo"], &["hello"]);
    check("*a*b*", &["ab", "xaxbx"], &["ba", "a", "b"]);
}

#[test]
fn odd_patterns_match_as_in_redis() {
    check("", &[""], &["a"]);
    check("*", &["a", "abc"], &[""]);
    check("a**", &["a", "ab"], &[""]);
    check("[", &[], &["[", "a", ""]);
    check("[^", &["a", "^"], &["", "ab"]);
    check("[]", &[], &["]", "a"]);
    check("[^]", &["a", "]"], &["ab"]);
    check("[abc", &["a", "c"], &["[", "d"]);
    check("[a-", &["a", "-"], &["b"]);
    check("[a-]", &["a", "]", "^"], &["-", "b"]);
    check("[z-a]", &["a", "m", "z"], &["A"]);
    check("[\\]]", &["]"], &["\\"]);
    check("[\\", &["\\"], &["a"]);
    check("a\\", &["a\\"], &["a"]);
    check("\\*", &["*"], &["a"]);
}

#[test]
fn letters_match_in_either_case_when_asked() {
    let ignored = |p: &str, t: &str| matches(p.as_bytes(), t.as_bytes(), Case::Ignored);
    assert!(ignored("CLIENT|*", "client|list") && ignored("[A-C]x", "bX") && ignored("\\A", "a"));
    assert!(!ignored("[\\A]", "a"), "an escaped byte of a class compares exactly");
}

#[test]
fn hostile_patterns_stay_cheap() {
    let text = vec![b'a'; 5_000];
    let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
    assert!(!matches(&pattern, &text, Case::Sensitive));
}

#[test]
fn more_stars_than_redis_follows_match_nothing() {
    let text = vec![b'a'; 2_000];
    let stars = |n: usize| [b"*a".repeat(n), b"*".to_vec()].concat();
    assert!(matches(&stars(1_000), &text, Case::Sensitive));
    assert!(!matches(&stars(1_001), &text, Case::Sensitive));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn matching_is_its_definition(
        pattern in r"[-ab*?^\\\[\]AB]{0,9}",
        text in r"[-abAB^\]\\]{1,7}",
        ignored: bool,
    ) {
        let case = if ignored { Case::Ignored } else { Case::Sensitive };
        let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(pattern, text, case), by_definition(pattern, text, case));
    }

    #[test]
    fn no_bytes_make_it_panic(pattern: Vec<u8>, text: Vec<u8>, ignored: bool) {
        let case = if ignored { Case::Ignored } else { Case::Sensitive };
        matches(&pattern, &text, case);
    }
}
