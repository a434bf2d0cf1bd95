//! Names that were probably meant to be others.
//!
//! Two names that differ only in letter case, white space and punctuation are one. Names that differ by a letter or two
//! are, when one of them is rare and the other frequent: a slip of the key is not repeated. Digits that differ are no slip
//! (`c101` and `c102` are two classes).

use std::collections::HashMap;

/// Slips are at most this share of what was meant.
const RARE: usize = 20;

/// More names than this are not compared with each other: it takes the square of their number, and no person typed them.
const MOST_NAMES: usize = 2000;

/// Names with how often they occur.
pub(super) struct Names<'a> {
    all: Vec<Name<'a>>,
    /// By their letters and digits, the most frequent first.
    alike: HashMap<String, Vec<(&'a str, usize)>>,
}

struct Name<'a> {
    name: &'a str,
    times: usize,
    plain: String,
}

impl<'a> Names<'a> {
    pub(super) fn new(names: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let all: Vec<_> = names.map(|(name, times)| Name { name, times, plain: plain(name) }).collect();
        let mut alike: HashMap<String, Vec<(&str, usize)>> = HashMap::with_capacity(all.len());
        for Name { name, times, plain } in &all {
            alike.entry(plain.clone()).or_default().push((name, *times));
        }
        // Of equals, the more frequent is right, or else the one that comes first.
        alike.values_mut().for_each(|names| names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0))));
        Self { all, alike }
    }

    /// What a name was probably meant to be: its spelling and frequency.
    pub(super) fn meant(&self, name: &str, times: usize) -> Option<(&'a str, usize)> {
        let plain = plain(name);
        if let Some(&(first, often)) = self.alike.get(&plain).and_then(|names| names.first())
            && first != name
        {
            return Some((first, often));
        }
        if self.all.len() > MOST_NAMES {
            return None;
        }
        let frequent = self.all.iter().filter(|other| other.times >= RARE * times.max(1));
        let slips = frequent.filter(|other| other.plain != plain && slip_of(&plain, &other.plain));
        slips.max_by_key(|other| other.times).map(|other| (other.name, other.times))
    }
}

/// Whether a name can be another one with a slip of the key.
pub(super) fn slip(name: &str, other: &str) -> bool {
    let (a, b) = (plain(name), plain(other));
    a == b || slip_of(&a, &b)
}

fn slip_of(a: &str, b: &str) -> bool {
    let letters = a.chars().count().min(b.chars().count());
    // Cheap first: most pairs differ by far in length.
    if letters < 5 || a.chars().count().abs_diff(b.chars().count()) > 2 || digits(a) != digits(b) {
        return false;
    }
    strsim::osa_distance(a, b) <= if letters < 9 { 1 } else { 2 }
}

/// Letters and digits only, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn digits(name: &str) -> String {
    name.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str, all: &[(&'static str, usize)]) -> Option<(&'static str, usize)> {
        let times = all.iter().find(|(known, _)| *known == name).unwrap().1;
        Names::new(all.iter().copied()).meant(name, times)
    }

    #[test]
    fn a_rare_name_next_to_a_frequent_one_is_a_slip() {
        let all = [("insert", 50), ("isnert", 2), ("press", 2), ("Insert ", 60), ("c101", 90), ("c102", 1)];
        assert_eq!(meant("isnert", &all), Some(("Insert ", 60)));
        assert_eq!(meant("insert", &all), Some(("Insert ", 60)));
        assert_eq!(meant("Insert ", &all), None);
        assert_eq!(meant("press", &all), None);
        assert_eq!(meant("c102", &all), None, "digits are no slip");
    }

    #[test]
    fn names_that_are_both_frequent_are_two() {
        let all = [("ThrowDiscus", 30), ("ThrowDisc", 25), ("pour", 100), ("pout", 1)];
        assert_eq!(meant("ThrowDisc", &all), None);
        assert_eq!(meant("pout", &all), None, "short words are alike by chance");
    }

    #[test]
    fn of_two_equals_only_one_is_wrong() {
        let all = [("a b", 3), ("a-b", 3)];
        assert_eq!((meant("a b", &all), meant("a-b", &all)), (None, Some(("a b", 3))));
    }
}
