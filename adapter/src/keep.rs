//! What a training step keeps of its forward pass for its backward pass, and what it computes again.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A choice of what to keep. All choices have the same gradients, but for rounding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Blocks, counted from the last, of which everything is kept that their backward pass needs: nothing of them is
    /// computed again.
    pub traced: usize,
    /// Of the other blocks only some inputs are kept, and those between are computed again, from the one kept below: so
    /// many blocks belong to the uppermost that is kept, itself counted. 1 keeps each.
    ///
    /// Lower down it is one more each time: when a stretch is computed again, nothing is kept any more of those above it,
    /// so that there is room for one more.
    pub every: usize,
    /// Of blocks that are computed again, the inputs of so many are held at once. A longer stretch is computed once more
    /// for its lower part, after its upper one has been dealt with.
    pub held: usize,
    /// Whether block inputs are rounded to bf16: half the memory. The forward pass goes on with the rounded ones, so that
    /// what is computed again is the same.
    pub half: bool,
    /// Folder of the temporary files that hold kept inputs; without one, memory does.
    pub spill: Option<PathBuf>,
    /// Clips that pass through a block at once.
    pub clips_at_once: usize,
}

/// What becomes of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing below its end learns.
    Idle,
    /// Its input is kept.
    Head,
    /// Its input is computed again.
    Between,
    /// All that its backward pass needs is kept.
    Traced,
}

impl Keep {
    /// Every block's input: the usual choice, each block is computed twice.
    pub fn inputs() -> Self {
        Self { traced: 0, every: 1, held: usize::MAX, half: false, spill: None, clips_at_once: 1 }
    }

    /// All that any backward pass needs: nothing is computed twice.
    pub fn everything() -> Self {
        Self { traced: usize::MAX, ..Self::inputs() }
    }

    /// What becomes of each of `depth` blocks, where nothing below block `first` learns.
    pub(crate) fn roles(&self, first: usize, depth: usize) -> Vec<Role> {
        let mut roles = vec![Role::Idle; depth];
        let mut top = depth.saturating_sub(self.traced).max(first);
        roles[top..].fill(Role::Traced);
        let mut stretch = self.every.max(1);
        while top > first {
            let head = top.saturating_sub(stretch).max(first);
            roles[head..top].fill(Role::Between);
            roles[head] = Role::Head;
            top = head;
            stretch += usize::from(self.every > 1);
        }
        roles
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.traced, self.every) {
            (0, 1) => write!(f, "block inputs")?,
            (0, every) => write!(f, "one block input in {every} and more")?,
            (usize::MAX, _) => write!(f, "everything")?,
            (traced, 1) => write!(f, "everything of the last {traced} blocks, block inputs")?,
            (traced, every) => {
                write!(f, "everything of the last {traced} blocks, one block input in {every} and more")?
            }
        }
        write!(f, "{}", if self.half { " in bf16" } else { "" })?;
        write!(f, "{}", if self.spill.is_some() { ", in files" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_from_the_first_that_learns_on_can_be_reached_from_a_kept_input() {
        for (first, depth, every, traced) in [(0, 12, 4, 0), (2, 7, 3, 2), (5, 6, 2, 0), (0, 3, 9, 1), (11, 12, 1, 3)] {
            let roles = Keep { every, traced, ..Keep::inputs() }.roles(first, depth);
            assert_eq!(roles.len(), depth);
            assert!(roles[..first].iter().all(|role| *role == Role::Idle));
            assert!(matches!(roles[first], Role::Head | Role::Traced), "{roles:?}");
            assert_eq!(roles.iter().filter(|role| **role == Role::Traced).count(), traced.min(depth - first));
        }
    }

    #[test]
    fn stretches_grow_downwards() {
        let roles = Keep { every: 3, ..Keep::inputs() }.roles(0, 12);
        let heads: Vec<usize> = (0..12).filter(|block| roles[*block] == Role::Head).collect();
        assert_eq!(heads, [0, 5, 9]);
        assert!(Keep::inputs().roles(0, 4).iter().all(|role| *role == Role::Head));
    }

    #[test]
    fn a_plan_has_a_name() {
        let named = |keep: Keep| keep.to_string();
        assert_eq!(named(Keep::inputs()), "block inputs");
        assert_eq!(named(Keep { every: 4, half: true, ..Keep::inputs() }), "one block input in 4 and more in bf16");
        assert_eq!(named(Keep::everything()), "everything");
    }
}
