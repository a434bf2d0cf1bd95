//! How much memory a choice of what to keep needs, and how much arithmetic: counted, not measured.
//!
//! Follows [`schedule`](crate::schedule) step by step. Axis names as there; `f` is the MLP's hidden width.

use adatad_backbone::VitConfig;

use crate::keep::Role;
use crate::tia_backward::NUMBERS_AT_ONCE;
use crate::{AdapterConfig, Keep, TuningMode};

/// Bytes of an `f32`.
const F32: u64 = 4;
/// Tensors of scores that attention's backward pass holds at once, of some heads each.
const SCORES: u64 = 5;
/// Tensors at the bottleneck that an adapter's backward pass holds at once, of some places each.
const PLACES: u64 = 10;

/// One window through the backbone.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost<'a> {
    /// The transformer.
    pub vit: &'a VitConfig,
    /// What learns in it.
    pub adapter: &'a AdapterConfig,
    /// Frames of the window.
    pub frames: usize,
    /// Pixels of each side.
    pub pixels: usize,
}

/// What a choice needs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Need {
    /// Bytes that stay from the forward to the backward pass.
    pub kept: u64,
    /// Bytes at the fullest moment beyond what is kept: what is computed again, gradients on their way, work on some
    /// clips.
    pub working: u64,
    /// Blocks that are computed again, in units of one block's forward pass.
    pub again: f64,
}

impl Cost<'_> {
    /// What `keep` needs.
    pub fn need(&self, keep: &Keep) -> Need {
        match self.adapter.mode {
            TuningMode::Ladder => self.ladder(keep),
            _ => self.through(keep),
        }
    }

    fn tokens(&self) -> u64 {
        let side = self.pixels / self.vit.patch;
        (VitConfig::CLIP_TOKENS * side * side) as u64
    }

    /// Tokens of the window.
    fn all(&self) -> u64 {
        (self.frames / VitConfig::CLIP_FRAMES) as u64 * self.tokens()
    }

    /// `[n, tokens, c]` in f32.
    fn wide(&self) -> u64 {
        self.all() * self.vit.width as u64 * F32
    }

    /// Bytes of a number in products.
    fn number(&self) -> u64 {
        self.adapter.precision.known().size() as u64
    }

    /// `[n, tokens, r]`.
    fn narrow(&self) -> u64 {
        self.all() * (self.vit.width / self.adapter.reduction) as u64 * self.number()
    }

    /// What is kept of a block whose trace is.
    fn trace(&self) -> u64 {
        let (c, f) = (self.vit.width as u64, self.vit.mlp as u64);
        self.all() * ((4 * c + f) * self.number() + c * F32)
    }

    /// One block input as `keep` stores it.
    fn stored(&self, keep: &Keep) -> u64 {
        match (&keep.spill, keep.half) {
            (Some(_), _) => 0,
            (None, true) => self.wide() / 2,
            (None, false) => self.wide(),
        }
    }

    /// The first block at whose end something learns; none if nothing does.
    fn first(&self) -> Option<usize> {
        match self.adapter.backbone_learns() {
            true => Some(0),
            false => self.adapter.placed(self.vit.depth).first().copied(),
        }
    }

    /// Some clips through a block, forward: the largest tensors that are there together.
    fn forward_work(&self, keep: &Keep) -> u64 {
        let (c, f) = (self.vit.width as u64, self.vit.mlp as u64);
        keep.clips_at_once as u64 * self.tokens() * (3 * c + 2 * f).max(7 * c) * F32
    }

    /// Some clips through a block, backward.
    fn backward_work(&self, keep: &Keep) -> u64 {
        let (c, f, tokens) = (self.vit.width as u64, self.vit.mlp as u64, self.tokens());
        let clips = keep.clips_at_once as u64;
        let rows = clips * tokens * (8 * c + 3 * f) * F32;
        let heads = adatad_backbone::heads_at_once(keep.clips_at_once, tokens as usize, self.vit.heads) as u64;
        rows + SCORES * clips * heads * tokens * tokens * F32
    }

    /// An adapter's work on some places.
    fn places_work(&self) -> u64 {
        (PLACES * NUMBERS_AT_ONCE as u64 * F32).min(PLACES * self.narrow() / self.number() * F32)
    }

    fn through(&self, keep: &Keep) -> Need {
        let Some(first) = self.first() else {
            return Need { kept: 0, working: self.wide() + self.forward_work(keep), again: 0.0 };
        };
        let (depth, wide, narrow) = (self.vit.depth, self.wide(), self.narrow());
        let roles = keep.roles(first, depth);
        let placed = self.adapter.placed(depth);
        let of_down = |block: usize| if placed.contains(&block) { narrow } else { 0 };
        // Stretches of blocks with their kept bytes, from the lowest up.
        let mut stretches: Vec<(usize, u64)> = Vec::new();
        for block in first..depth {
            let is_idle_below = block == first && !self.adapter.backbone_learns();
            let traced = roles[block] == Role::Traced;
            if matches!(roles[block], Role::Head | Role::Traced) {
                let trace = if traced && !is_idle_below { self.trace() } else { 0 };
                stretches.push((0, self.stored(keep) + trace));
            }
            if let Some((blocks, kept)) = stretches.last_mut() {
                *blocks += 1;
                if roles.get(block + 1) != Some(&Role::Between) {
                    *kept += of_down(block);
                }
            }
        }
        let kept: u64 = stretches.iter().map(|(_, kept)| kept).sum();
        // Forward: what is kept of all blocks, and what the last one says.
        let mut fullest = kept + wide + 2 * narrow + self.places_work().max(self.forward_work(keep));
        // Backward: from the top stretch down, each with what is kept of those below it.
        let (mut left, mut above) = (kept, 0);
        for (blocks, own) in stretches.iter().rev() {
            // Loaded from a file or widened from bf16, a head is in memory on top of what is kept of the others.
            let loaded = if self.stored(keep) == wide { 0 } else { wide };
            let held = (*blocks).min(keep.held) as u64;
            // Of a stretch that is longer than what is held, the lower part's head stays below, and the upper part's is one
            // more.
            let one = self.stored(keep) + narrow;
            let again = (held - 1) * one + if *blocks > keep.held { one } else { 0 };
            let at_adapter = 3 * narrow + self.places_work();
            let at_block = 2 * narrow + self.backward_work(keep);
            fullest = fullest.max(left + loaded + again + above + wide + at_adapter.max(at_block));
            left -= own;
            above = if *blocks == 1 && self.stored(keep) == wide { wide } else { 0 };
        }
        Need { kept, working: fullest - kept, again: self.again(&roles, keep) }
    }

    /// Blocks that are computed again: those between heads once more than the others.
    fn again(&self, roles: &[Role], keep: &Keep) -> f64 {
        let idle = if self.adapter.backbone_learns() { 0.0 } else { 1.0 };
        let count = |which: Role| roles.iter().filter(|role| **role == which).count() as f64;
        let (heads, between) = (count(Role::Head), count(Role::Between));
        // Of the last block of a stretch nothing is computed before its backward pass begins. What the adapter read is
        // found from the block above, but for the last of a stretch and after rounding.
        let whole = if keep.half || keep.spill.is_some() { 1.0 } else { 0.75 };
        let between = if keep.held < keep.every { 1.5 * between } else { between };
        between + (heads + between - idle).max(0.0) * whole
    }

    fn ladder(&self, keep: &Keep) -> Need {
        let rungs = self.adapter.placed(self.vit.depth);
        let count = rungs.len() as u64;
        let inputs = if keep.every == 1 { count * self.stored(keep) } else { 0 };
        let kept = inputs + count * self.narrow();
        let work = self.places_work() + self.forward_work(keep);
        // The gradient of all tokens is as large as what the last block said, and comes after it.
        let again = if keep.every == 1 { 0.0 } else { rungs.last().map_or(0.0, |last| *last as f64 + 1.0) };
        Need { kept, working: self.wide() + 3 * self.narrow() + work, again }
    }
}

impl Cost<'_> {
    /// All choices worth looking at, with what each needs.
    pub fn choices(&self, form: &Keep) -> Vec<(Keep, Need)> {
        let depth = self.vit.depth;
        let everything = Keep { traced: usize::MAX, every: 1, ..form.clone() };
        let traces = (0..depth).map(|traced| Keep { traced, every: 1, ..form.clone() });
        let sparser = (2..=depth).map(|every| Keep { traced: 0, every, ..form.clone() });
        let split = (2..=depth).map(|every| Keep { traced: 0, every, held: every.div_ceil(2), ..form.clone() });
        let all = std::iter::once(everything).chain(traces).chain(sparser).chain(split);
        all.map(|keep| (self.need(&keep), keep)).map(|(need, keep)| (keep, need)).collect()
    }
}

impl Need {
    /// Bytes at the fullest moment.
    pub fn total(&self) -> u64 {
        self.kept + self.working
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatad_backbone::Preset;

    const MIB: u64 = 1 << 20;

    fn cost<'a>(vit: &'a VitConfig, adapter: &'a AdapterConfig, frames: usize) -> Cost<'a> {
        Cost { vit, adapter, frames, pixels: 160 }
    }

    #[test]
    fn what_needs_less_memory_computes_more() {
        let (vit, adapter) = (Preset::VideomaeS.config(), AdapterConfig::tia());
        let choices = cost(&vit, &adapter, 768).choices(&Keep::inputs());
        let (_, everything) = choices[0];
        assert_eq!(everything.again, 0.0);
        assert!(choices.iter().all(|(_, need)| need.kept <= everything.kept));
        let inputs = choices.iter().find(|(keep, _)| *keep == Keep::inputs()).unwrap().1;
        let least = choices.iter().map(|(_, need)| need.total()).min().unwrap();
        assert!(least < inputs.total() && inputs.total() < everything.total());
        assert!(least < 700 * MIB, "{} MiB", least / MIB);
    }

    #[test]
    fn memory_grows_with_the_number_of_frames_and_no_faster() {
        let (vit, adapter) = (Preset::VideomaeB.config(), AdapterConfig::tia());
        for keep in [Keep::inputs(), Keep::everything(), Keep { every: 3, ..Keep::inputs() }] {
            let need = |frames| cost(&vit, &adapter, frames).need(&keep).total() as f64;
            let slope = (need(1536) - need(768)) / 768.0;
            assert!((need(768) - need(384) - 384.0 * slope).abs() < 0.02 * need(768), "{keep}");
        }
    }

    #[test]
    fn files_and_half_precision_need_less() {
        let (vit, adapter) = (Preset::VideomaeV2G.config(), AdapterConfig::tia());
        let cost = cost(&vit, &adapter, 768);
        let half = Keep { half: true, ..Keep::inputs() };
        let files = Keep { spill: Some("/tmp".into()), ..Keep::inputs() };
        let kept = |keep: &Keep| cost.need(keep).kept;
        assert!(kept(&half) < kept(&Keep::inputs()) && kept(&files) < kept(&half));
    }
}
