//! The adapter-tuned backbone: frames of a window in, one feature per tubelet out.
//!
//! Axis names: `b` videos, `k` clips of a window, `n = b * k`, `t` tubelets of the window, `s` patches of a tubelet,
//! `c` channels.

use adatad_backbone::{BlockDraw, Gelu, Vit, VitConfig, normalise};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, assert_shape};
use rand_core::Rng;

use crate::clips::{Clips, clips};
use crate::tia_backward::Layout;
use crate::{AdapterConfig, Representation, Tia, TuningMode};

/// A backbone with an adapter after each block.
#[derive(Module, Debug)]
pub struct AdaptedBackbone {
    /// The VideoMAE transformer.
    pub vit: Vit,
    /// The adapter of each block that carries one; empty in modes without, and of a ladder.
    pub adapters: Vec<Option<Tia>>,
    /// Adapters beside the backbone, one for each block of `rungs`.
    pub ladder: Vec<Tia>,
    #[module(skip)]
    pub(crate) rungs: Vec<usize>,
    #[module(skip)]
    pub(crate) mode: TuningMode,
    #[module(skip)]
    representation: Representation,
    centre_features: bool,
    pub(crate) backbone_learns: bool,
}

impl AdaptedBackbone {
    /// Draws the initial weights of the adapters around `vit` and decides what learns, once and for all.
    pub fn init(
        vit: Vit,
        adapter: &AdapterConfig,
        representation: Representation,
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        let (depth, width) = (vit.blocks.len(), vit.width());
        let placed = adapter.placed(depth);
        let temporal = adapter.mode != TuningMode::Adapter;
        let mut tia = || Tia::init(adapter, width, temporal, rng, device);
        let (adapters, ladder, rungs) = match adapter.mode {
            TuningMode::Frozen | TuningMode::Full => (Vec::new(), Vec::new(), Vec::new()),
            TuningMode::Ladder => (Vec::new(), placed.iter().map(|_| tia()).collect(), placed),
            TuningMode::Adapter | TuningMode::Tia => {
                ((0..depth).map(|block| placed.contains(&block).then(&mut tia)).collect(), Vec::new(), Vec::new())
            }
        };
        Self {
            vit: if adapter.backbone_learns() { with_fixed_positions(vit) } else { vit.no_grad() }
                .in_numbers(adapter.numbers(device)),
            adapters,
            ladder,
            rungs,
            mode: adapter.mode,
            representation,
            centre_features: adapter.centre_features,
            backbone_learns: adapter.backbone_learns(),
        }
    }

    /// The same for `device`, where it now is: some operations have another form where tensors lie in the host's memory.
    pub fn suited(mut self, device: &Device) -> Self {
        let gelu = Gelu::on(device);
        self.vit.blocks.iter_mut().for_each(|block| block.mlp.suit(gelu));
        let adapters = self.adapters.iter_mut().flatten().chain(&mut self.ladder);
        adapters.for_each(|adapter| adapter.gelu = gelu);
        self
    }

    /// One feature per tubelet (or per clip, of snippets): the model as one expression, and on a device with autodiff as
    /// one graph. What training and detection use instead, in less memory, is [`run`](Self::run) and
    /// [`infer`](Self::infer).
    ///
    /// With `rng`, stochastic depth is drawn per clip (also inside frozen blocks, as in the reference).
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes, `f` a multiple of 16
    /// - returns: `[b, f / 2, c]`, of snippets `[b, f / 16, c]`
    pub fn forward(&self, frames: Tensor<5, Int>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        self.features(self.tubelets(frames, rng))
    }

    /// One feature per tubelet: normalise, cut into clips, embed, run the blocks with their adapters, average over space.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes, `f` a multiple of 16
    /// - returns: `[b, f / 2, c]`
    pub fn tubelets(&self, frames: Tensor<5, Int>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let [b, _, f, ..] = frames.dims();
        let windows = self.windows(&frames);
        let x = self.vit.embed(normalise(clips(frames))); // [n, tokens, c]
        let x = match self.mode {
            TuningMode::Ladder => self.climb(x, windows),
            _ => self.through(x, windows, rng),
        };
        let [_, _, c] = x.dims();
        by_tubelet(x, b).mean_dim(2).reshape([b, f / VitConfig::TUBELET, c])
    }

    /// What the detector reads, from the tubelets' averages: of snippets one feature each; centred if so configured.
    ///
    /// # Shapes
    ///
    /// - `tubelets`: `[b, f / 2, c]`
    /// - returns: `[b, f / 2, c]`, of snippets `[b, f / 16, c]`
    pub fn features(&self, tubelets: Tensor<3>) -> Tensor<3> {
        let [b, t, c] = tubelets.dims();
        let features = match self.representation {
            Representation::Frames => tubelets,
            Representation::Snippets => {
                let k = t / VitConfig::CLIP_TOKENS;
                tubelets.reshape([b, k, VitConfig::CLIP_TOKENS, c]).mean_dim(2).reshape([b, k, c])
            }
        };
        let features = if self.centre_features { features.clone() - features.mean_dim(1) } else { features };
        if self.mode == TuningMode::Frozen { features.detach() } else { features }
    }

    /// Stretches of time whose clips see each other.
    fn windows(&self, frames: &Tensor<5, Int>) -> usize {
        let [b, _, f, height, width] = frames.dims();
        assert_shape!(frames, [b, 3, f / VitConfig::CLIP_FRAMES * VitConfig::CLIP_FRAMES, height, width]);
        match self.representation {
            Representation::Frames => b,
            Representation::Snippets => b * f / VitConfig::CLIP_FRAMES,
        }
    }

    pub(crate) fn clips(&self, frames: Tensor<5, Int>, at_once: usize) -> Clips {
        let [.., height, width] = frames.dims();
        let [h, w] = self.vit.grid(height, width);
        let layout = Layout { windows: self.windows(&frames), places: h * w };
        Clips::new(frames, layout, at_once)
    }
}

impl AdaptedBackbone {
    /// Every block, each followed by its adapter where it carries one. `[n, tokens, c] -> [n, tokens, c]`.
    fn through(&self, mut x: Tensor<3>, windows: usize, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let draws = self.vit.draw(x.dims()[0], rng);
        for (i, (block, draw)) in self.vit.blocks.iter().zip(&draws).enumerate() {
            x = block.forward(x, draw);
            if let Some(Some(adapter)) = self.adapters.get(i) {
                x = over_window(x, windows, |window| adapter.forward(window));
            }
        }
        x
    }

    /// What the last rung's block hands on, and what every rung adds to it (OpenTAD `VisionTransformerLadder`). Without
    /// stochastic depth, as in the reference. `[n, tokens, c] -> [n, tokens, c]`.
    fn climb(&self, mut x: Tensor<3>, windows: usize) -> Tensor<3> {
        let mut added: Option<Tensor<3>> = None;
        let mut rungs = self.rungs.iter().zip(&self.ladder).peekable();
        for (i, block) in self.vit.blocks.iter().enumerate() {
            if rungs.peek().is_none() {
                break; // nothing reads the blocks above the last rung
            }
            x = block.forward(x, &BlockDraw::default());
            if let Some((_, rung)) = rungs.next_if(|(place, _)| **place == i) {
                let term = over_window(x.clone().detach(), windows, |window| rung.branch(window));
                added = Some(added.map_or_else(|| term.clone(), |sum| sum + term.clone()));
            }
        }
        let x = x.detach();
        match added {
            Some(added) => x + added,
            None => x,
        }
    }
}

/// The position table is a parameter only to be stored; it learns in no mode.
fn with_fixed_positions(mut vit: Vit) -> Vit {
    vit.pos_embed = vit.pos_embed.set_require_grad(false);
    vit
}

/// Tokens of the clips `[n, tokens, c]` as tubelets of the window `[b, t, s, c]`: clips stand one after another in
/// time, so no data moves.
fn by_tubelet(x: Tensor<3>, b: usize) -> Tensor<4> {
    let [n, tokens, c] = x.dims();
    let s = tokens / VitConfig::CLIP_TOKENS;
    x.reshape([b, n / b * VitConfig::CLIP_TOKENS, s, c])
}

/// Runs `adapter` on the whole window.
fn over_window(x: Tensor<3>, b: usize, adapter: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Tensor<3> {
    let shape = x.dims();
    adapter(by_tubelet(x, b)).reshape(shape)
}
