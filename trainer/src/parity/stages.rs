//! What each part of a backbone hands on.

use adatad_adapter::clips;
use adatad_backbone::normalise;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::fixture::Fixture;
use super::score::Score;
use super::unusable::Unusable;
use crate::model::AdaTad;

/// Where the backbone's stages are found.
const BACKBONE: &str = "stage/backbone.model.backbone";

pub(super) fn backbone(model: &AdaTad, fixture: &Fixture, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let mut found: Vec<(String, TensorData)> = Vec::new();
    let backbone = &model.backbone;
    let frames = fixture.io.frames("in/frames", device)?;
    let [b, _, f, height, width] = frames.dims();
    let clips: Tensor<5> = normalise(clips(frames));
    found.push((".patch_embed".into(), backbone.vit.patch_embed.forward(clips.clone()).to_data()));
    let mut x = backbone.vit.embed(clips);
    found.push((".pos_drop".into(), x.to_data()));
    let [n, tokens, c] = x.dims();
    let [h, w] = backbone.vit.grid(height, width);
    for (i, block) in backbone.vit.blocks.iter().enumerate() {
        let name = |part: &str| format!(".blocks.{i}.{part}");
        let normed = block.norm1.forward(x.clone());
        found.push((name("norm1"), normed.to_data()));
        let attended = block.attn.forward(normed);
        found.push((name("attn"), attended.to_data()));
        let normed = block.norm2.forward(x.clone() + attended);
        found.push((name("norm2"), normed.to_data()));
        found.push((name("mlp"), block.mlp.forward(normed).to_data()));
        x = block.forward(x, None);
        if let Some(Some(adapter)) = backbone.adapters.get(i) {
            let window = x.clone().reshape([b, f / 2, h * w, c]);
            let down = adapter.down_proj.forward(window.clone());
            found.push((name("adapter.down_proj"), down.to_data()));
            let z = activation::gelu(down);
            found.push((name("adapter.act"), z.to_data()));
            x = adapter.forward(window).reshape([n, tokens, c]);
        }
        found.push((format!(".blocks.{i}"), x.to_data()));
    }
    for (name, data) in found {
        let name = format!("{BACKBONE}{name}");
        if fixture.has(&name) {
            fixture.check(score, &name, &data)?;
        }
    }
    Ok(())
}
