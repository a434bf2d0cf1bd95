//! What a training step keeps of its forward pass for its backward pass, and what it computes again.

use std::fmt;
use std::path::PathBuf;

/// A choice of what to keep. All choices have the same gradients, but for rounding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Blocks, counted from the last, of which everything is kept that their backward pass needs: nothing of them is
    /// computed again.
    pub traced: usize,
    /// Of the other blocks, the input of every how-manyth is kept; those between are computed again, from the one kept
    /// below. 1 keeps each.
    pub every: usize,
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
        Self { traced: 0, every: 1, half: false, spill: None, clips_at_once: 1 }
    }

    /// All that any backward pass needs: nothing is computed twice.
    pub fn everything() -> Self {
        Self { traced: usize::MAX, ..Self::inputs() }
    }

    /// Of block `block` of `depth`, where nothing below block `first` learns.
    pub(crate) fn role(&self, block: usize, first: usize, depth: usize) -> Role {
        if block < first {
            Role::Idle
        } else if block >= depth.saturating_sub(self.traced) {
            Role::Traced
        } else if (block - first).is_multiple_of(self.every) {
            Role::Head
        } else {
            Role::Between
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.traced, self.every) {
            (0, 1) => write!(f, "block inputs")?,
            (0, every) => write!(f, "every {every}. block input")?,
            (usize::MAX, _) => write!(f, "everything")?,
            (traced, 1) => write!(f, "everything of the last {traced} blocks, block inputs")?,
            (traced, every) => write!(f, "everything of the last {traced} blocks, every {every}. block input")?,
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
        for (first, depth, every, traced) in [(0, 12, 4, 0), (2, 7, 3, 2), (5, 6, 2, 0), (0, 3, 9, 1)] {
            let keep = Keep { every, traced, ..Keep::inputs() };
            let roles: Vec<Role> = (0..depth).map(|block| keep.role(block, first, depth)).collect();
            assert!(roles[..first].iter().all(|role| *role == Role::Idle));
            assert!(matches!(roles[first], Role::Head | Role::Traced), "{roles:?}");
            assert_eq!(roles.iter().filter(|role| **role == Role::Traced).count(), traced.min(depth - first));
        }
    }

    #[test]
    fn a_plan_has_a_name() {
        let named = |keep: Keep| keep.to_string();
        assert_eq!(named(Keep::inputs()), "block inputs");
        assert_eq!(named(Keep { every: 4, half: true, ..Keep::inputs() }), "every 4. block input in bf16");
        assert_eq!(named(Keep::everything()), "everything");
    }
}
