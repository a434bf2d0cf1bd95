//! The order in which blocks and adapters run, forward and backward, without a graph.
//!
//! A frozen block is run on some clips at a time, forward and backward, by its own written backward pass; an adapter joins
//! the clips of a window and is run on all of them, at its bottleneck's width. So the schedule goes block by block.
//!
//! Axis names: `n` clips of all windows, `m` some of them, tokens of one clip, `c` channels, `r` bottleneck.

use std::ops::Range;

use adatad_backbone::{BlockDraw, Gradients, VitConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};
use rand_core::Rng;

use crate::adapted::AdaptedBackbone;
use crate::back::Back;
use crate::clips::Clips;
use crate::keep::{Keep, Role};
use crate::kept::{Kept, KeptBlock, KeptOf};
use crate::store::{Pieces, SpillError, Stored, rounded};
use crate::{Tia, TuningMode};

impl AdaptedBackbone {
    /// Averages over space of what the last block says, for each tubelet, and what a backward pass needs: with
    /// [`backward`](Self::backward), the same as [`tubelets`](Self::tubelets) and its graph. Of a model without autodiff.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes
    /// - returns: `[b, f / 2, c]`
    ///
    /// # Errors
    ///
    /// A temporary file cannot be written.
    pub fn run(
        &self,
        frames: Tensor<5, Int>,
        rng: Option<&mut dyn Rng>,
        keep: &Keep,
    ) -> Result<(Tensor<3>, Kept), SpillError> {
        let [b, ..] = frames.dims();
        let clips = self.clips(frames, keep.clips_at_once);
        let (pooled, of) = match self.mode {
            TuningMode::Ladder => self.climb_pieces(&clips, Some(keep))?,
            _ => {
                let draws = self.vit.draw(clips.count(), rng);
                self.through_pieces(&clips, draws, self.first_learning().map(|_| keep))?
            }
        };
        Ok((joined(pooled, b), Kept { clips, keep: keep.clone(), of }))
    }

    /// As [`run`](Self::run), with nothing kept and nothing drawn: for detection.
    pub fn infer(&self, frames: Tensor<5, Int>, clips_at_once: usize) -> Tensor<3> {
        let [b, ..] = frames.dims();
        let clips = self.clips(frames, clips_at_once);
        let pooled = match self.mode {
            TuningMode::Ladder => self.climb_pieces(&clips, None),
            _ => self.through_pieces(&clips, self.vit.draw(clips.count(), None), None),
        };
        match pooled {
            Ok((pooled, _)) => joined(pooled, b),
            Err(error) => unreachable!("nothing is written where nothing is kept: {error}"),
        }
    }

    /// The gradients of all that learns.
    ///
    /// # Shapes
    ///
    /// - `grad`: `[b, f / 2, c]`, of what [`run`](Self::run) returned
    ///
    /// # Errors
    ///
    /// A temporary file cannot be read or written.
    pub fn backward(&self, kept: Kept, grad: Tensor<3>) -> Result<GradientsParams, SpillError> {
        let Kept { clips, keep, of } = kept;
        let [b, t, c] = grad.dims();
        let grad = grad.reshape([clips.count(), b * t / clips.count(), c]);
        let mut gradients = Gradients::default();
        match of {
            KeptOf::Nothing => {}
            KeptOf::Blocks { draws, blocks } => {
                let back = Back { model: self, clips: &clips, keep: &keep, draws: &draws };
                back.run(blocks, clips.spread(grad), &mut gradients)?;
            }
            KeptOf::Rungs { downs, inputs } => {
                self.climb_backward(&clips, &keep, downs, inputs, clips.spread(grad), &mut gradients)?;
            }
        }
        Ok(gradients.into_params())
    }

    /// The first block at whose end something learns, or the first of all where blocks learn. None if nothing does.
    pub(crate) fn first_learning(&self) -> Option<usize> {
        match self.backbone_learns {
            true => Some(0),
            false => self.adapters.iter().position(Option::is_some),
        }
    }

    pub(crate) fn adapter(&self, block: usize) -> Option<&Tia> {
        self.adapters.get(block).and_then(Option::as_ref)
    }

    /// Every block, each followed by its adapter where it carries one. Averages over space `[n, 8, c]`.
    fn through_pieces(
        &self,
        clips: &Clips,
        draws: Vec<BlockDraw>,
        keep: Option<&Keep>,
    ) -> Result<(Tensor<3>, KeptOf), SpillError> {
        let (depth, first) = (self.vit.blocks.len(), self.first_learning().unwrap_or(usize::MAX));
        let roles = keep.map_or_else(|| vec![Role::Idle; depth], |keep| keep.roles(first, depth));
        let mut x: Pieces = clips.pieces.iter().map(|piece| self.vit.embed(clips.some(piece))).collect();
        let mut blocks = Vec::new();
        for (i, block) in self.vit.blocks.iter().enumerate() {
            let mut kept = KeptBlock::default();
            let below_is_idle = i == first && !self.backbone_learns;
            if let Some(keep) = keep
                && i >= first
                && !below_is_idle
            {
                x = x.into_iter().map(|x| rounded(x, keep)).collect();
                if matches!(roles[i], Role::Head | Role::Traced) {
                    kept.input = Some(Stored::put(x.clone(), keep)?);
                }
            }
            let traces = roles[i] == Role::Traced && !below_is_idle;
            let mut trace = Vec::new();
            let pass = |(x, piece): (Tensor<3>, &Range<usize>)| {
                let draw = draws[i].of(piece.clone());
                if !traces {
                    return block.forward(x, &draw);
                }
                let (x, kept) = block.forward_traced(x, &draw);
                trace.push(kept);
                x
            };
            x = x.into_iter().zip(&clips.pieces).map(pass).collect();
            kept.trace = traces.then_some(trace);
            if let Some(keep) = keep
                && below_is_idle
            {
                kept.input = Some(Stored::put(x.clone(), keep)?);
                x = x.into_iter().map(|x| rounded(x, keep)).collect();
            }
            if let Some(adapter) = self.adapter(i) {
                let down = clips.down(adapter, &x);
                // Below a block whose input is kept nothing is computed again, so that this would not come by itself.
                let last_of_segment = roles[i] != Role::Idle && roles.get(i + 1) != Some(&Role::Between);
                kept.down = last_of_segment.then(|| down.clone());
                x = clips.add(adapter, x, down);
            }
            blocks.push(kept);
        }
        let pooled = x.into_iter().map(|x| clips.pool(x)).collect();
        let of = if keep.is_some() { KeptOf::Blocks { draws, blocks } } else { KeptOf::Nothing };
        Ok((Tensor::cat(pooled, 0), of))
    }
}

/// `[n, 8, c] -> [b, f / 2, c]`.
fn joined(pooled: Tensor<3>, b: usize) -> Tensor<3> {
    let [n, t, c] = pooled.dims();
    debug_assert_eq!(t, VitConfig::CLIP_TOKENS);
    pooled.reshape([b, n / b * t, c])
}
