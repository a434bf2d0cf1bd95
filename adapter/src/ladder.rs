//! Adapters beside the backbone (AdaTAD-dagger): what they read is what the blocks hand on, and nothing passes back.
//!
//! No adapter changes what a block reads, so clips do not see each other before the very end: some clips run through all
//! blocks at once. Axis names as in [`schedule`](crate::schedule).

use adatad_backbone::{BlockDraw, Gradients};
use burn::tensor::Tensor;

use crate::adapted::AdaptedBackbone;
use crate::clips::Clips;
use crate::keep::Keep;
use crate::kept::KeptOf;
use crate::store::{Pieces, SpillError, Stored, rounded};

impl AdaptedBackbone {
    /// What the last rung's block hands on, and what every rung adds to it (OpenTAD `VisionTransformerLadder`). Without
    /// stochastic depth, as in the reference. Averages over space `[n, 8, c]`.
    pub(crate) fn climb_pieces(&self, clips: &Clips, keep: Option<&Keep>) -> Result<(Tensor<3>, KeptOf), SpillError> {
        let rungs = self.ladder.len();
        let keeps = keep.filter(|keep| keep.every == 1);
        let mut inputs: Vec<Pieces> = (0..rungs).map(|_| Pieces::new()).collect();
        let mut downs: Vec<Pieces> = (0..rungs).map(|_| Pieces::new()).collect();
        let mut x = Pieces::new();
        for piece in 0..clips.pieces.len() {
            x.push(self.hand_on(clips, piece, keep, |rung, read| {
                downs[rung].push(self.ladder[rung].down(read.clone()));
                if keeps.is_some() {
                    inputs[rung].push(read);
                }
            }));
        }
        let downs: Vec<Tensor<3>> = downs.into_iter().map(|down| Tensor::cat(down, 0)).collect();
        for (adapter, down) in self.ladder.iter().zip(&downs) {
            let sum = adapter.bottleneck(down.clone(), clips.layout);
            x = x.into_iter().zip(&clips.pieces).map(|(x, piece)| x + adapter.added(&sum, piece)).collect();
        }
        let pooled = Tensor::cat(x.into_iter().map(|x| clips.pool(x)).collect(), 0);
        let Some(_) = keep else { return Ok((pooled, KeptOf::Nothing)) };
        let put = |input| keeps.map(|keep| Stored::put(input, keep)).transpose();
        let inputs = inputs.into_iter().map(put).collect::<Result<_, _>>()?;
        Ok((pooled, KeptOf::Rungs { downs, inputs }))
    }

    /// The gradients of the rungs, from the gradient of what the last block and all rungs said together.
    pub(crate) fn climb_backward(
        &self,
        clips: &Clips,
        keep: &Keep,
        downs: Vec<Tensor<3>>,
        inputs: Vec<Option<Stored>>,
        grad: Pieces,
        gradients: &mut Gradients,
    ) -> Result<(), SpillError> {
        let rungs = self.ladder.iter().zip(downs);
        let of_downs: Vec<Tensor<3>> = rungs
            .map(|(adapter, down)| {
                let sum = adapter.bottleneck(down.clone(), clips.layout);
                adapter.bottleneck_backward(down, sum, &grad, clips.layout, gradients)
            })
            .collect();
        drop(grad);
        let mut each = |rung: usize, piece: usize, read: Tensor<3>| {
            let clips = &clips.pieces[piece];
            let grad = of_downs[rung].clone().narrow(0, clips.start, clips.len());
            self.ladder[rung].down_backward(read, grad, gradients);
        };
        if keep.every == 1 {
            for (rung, input) in inputs.into_iter().enumerate() {
                let Some(input) = input else { unreachable!("each rung's input was kept") };
                input.load()?.into_iter().enumerate().for_each(|(piece, read)| each(rung, piece, read));
            }
        } else {
            for piece in 0..clips.pieces.len() {
                self.hand_on(clips, piece, Some(keep), |rung, read| each(rung, piece, read));
            }
        }
        Ok(())
    }

    /// Runs some clips up to the last rung; `each` hears what every rung reads. Returns what the last one reads.
    fn hand_on(
        &self,
        clips: &Clips,
        piece: usize,
        keep: Option<&Keep>,
        mut each: impl FnMut(usize, Tensor<3>),
    ) -> Tensor<3> {
        let mut x = self.vit.embed(clips.some(&clips.pieces[piece]));
        let mut rungs = self.rungs.iter().enumerate().peekable();
        for (i, block) in self.vit.blocks.iter().enumerate() {
            if rungs.peek().is_none() {
                break; // nothing reads the blocks above the last rung
            }
            x = block.forward(x, &BlockDraw::default());
            if let Some((rung, _)) = rungs.next_if(|(_, place)| **place == i) {
                each(rung, keep.map_or_else(|| x.clone(), |keep| rounded(x.clone(), keep)));
            }
        }
        x
    }
}
