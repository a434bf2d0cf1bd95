//! `--shard I/N`: one part of a list of videos, for one of several machines.

use std::str::FromStr;

/// Every so many-th of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            Some((_, 0)) => Err("there must be at least one shard, as in 0/1".into()),
            Some((_, of)) => Err(format!("shards count from 0: the last of {of} is {}/{of}", of - 1)),
            None => Err("expected I/N, such as 0/4 for the first of four".into()),
        }
    }
}

impl Shard {
    /// Its part of `all`: the parts of all shards together are all, and no two have one in common.
    pub(crate) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.index).step_by(self.of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything_among_them() {
        for of in 1..8 {
            let mut all: Vec<usize> =
                (0..of).flat_map(|index| Shard { index, of }.of((0..20).collect::<Vec<_>>())).collect();
            all.sort_unstable();
            assert_eq!(all, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_shard_that_is_none_says_which_there_are() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, of: 4 }));
        assert!("4/4".parse::<Shard>().unwrap_err().contains("3/4"));
        for wrong in ["", "1", "0/0", "a/b", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
