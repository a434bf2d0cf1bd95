//! What each part of a backbone hands on.

use adatad_adapter::clips;
use adatad_backbone::{BlockDraw, normalise};
use burn::tensor::{Device, Tensor, activation};

use super::fixture::{Fixture, now};
use super::score::Score;
use super::unusable::Unusable;
use crate::model::AdaTad;

/// Where the backbone's stages are found.
const BACKBONE: &str = "stage/backbone.model.backbone";

pub(super) fn backbone(model: &AdaTad, fixture: &Fixture, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let mut found: Vec<(String, Vec<f64>)> = Vec::new();
    let Some(backbone) = &model.backbone else { return Err(Unusable("the model has no backbone".into())) };
    let frames = fixture.io.frames("in/frames", device)?;
    let [b, _, f, height, width] = frames.dims();
    let clips: Tensor<5> = normalise(clips(frames));
    found.push((".patch_embed".into(), now(&backbone.vit.patch_embed.forward(clips.clone()))));
    let mut x = backbone.vit.embed(clips);
    found.push((".pos_drop".into(), now(&x)));
    let [n, tokens, c] = x.dims();
    let [h, w] = backbone.vit.grid(height, width);
    for (i, block) in backbone.vit.blocks.iter().enumerate() {
        let name = |part: &str| format!(".blocks.{i}.{part}");
        let normed = block.norm1.forward(x.clone());
        found.push((name("norm1"), now(&normed)));
        let attended = block.attn.forward(normed);
        found.push((name("attn"), now(&attended)));
        let normed = block.norm2.forward(x.clone() + attended);
        found.push((name("norm2"), now(&normed)));
        found.push((name("mlp"), now(&block.mlp.forward(normed))));
        x = block.forward(x, &BlockDraw::default());
        if let Some(Some(adapter)) = backbone.adapters.get(i) {
            let window = x.clone().reshape([b, f / 2, h * w, c]);
            let down = adapter.down_proj.forward(window.clone());
            found.push((name("adapter.down_proj"), now(&down)));
            let z = activation::gelu(down);
            found.push((name("adapter.act"), now(&z)));
            x = adapter.forward(window).reshape([n, tokens, c]);
        }
        found.push((format!(".blocks.{i}"), now(&x)));
    }
    for (name, data) in found {
        let name = format!("{BACKBONE}{name}");
        if fixture.has(&name) {
            fixture.check_numbers(score, &name, &data)?;
        }
    }
    Ok(())
}
