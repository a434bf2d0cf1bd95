//! What each part of a detector hands on.

use adatad_detector::actionformer::ActionFormer;
use adatad_detector::conv::ConvModule;
use adatad_detector::mask::Mask;
use adatad_detector::tridet::TriDet;
use adatad_detector::{Detector, levels::Neck};
use burn::tensor::Tensor;

use super::fixture::Fixture;
use super::score::Score;
use super::unusable::Unusable;

/// Stages by name, as `[b, t, c]`.
type Stages = Vec<(String, Tensor<3>)>;

/// Compares all stages that the fixture has. `features` is `[b, c, t]`.
pub(super) fn check(
    detector: &Detector,
    features: Tensor<3>,
    mask: &Mask,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    let ([b, c, t], device) = (features.dims(), features.device());
    // The reference pads before it hands over.
    let steps = fixture.io.get("grad_act/projection_input")?.shape()[2];
    let padding = Tensor::zeros([b, steps.saturating_sub(t), c], &device);
    let x = Tensor::cat(vec![features.permute([0, 2, 1]), padding], 1);
    let mask = mask.padded(steps);
    let found = match detector {
        Detector::ActionFormer(detector) => actionformer(detector, x, mask),
        Detector::TriDet(detector) => tridet(detector, x, mask),
        Detector::Gtad(_) => Vec::new(), // its stages are compared with the rest of it
    };
    for (name, x) in found {
        let name = format!("stage/{name}");
        if fixture.has(&name) {
            fixture.check(score, &name, &x.permute([0, 2, 1]).to_data())?;
        }
    }
    Ok(())
}

fn actionformer(detector: &ActionFormer, x: Tensor<3>, mut mask: Mask) -> Stages {
    let projection = &detector.projection;
    let mut found = embed(&projection.embed, x.clone(), &mask);
    let mut x = projection.embed(x, &mask, None);
    let (mut levels, mut masks) = (Vec::new(), Vec::new());
    let stem = projection.stem.iter().enumerate().map(|(i, block)| (format!("projection.stem.{i}"), block));
    let branch = projection.branch.iter().enumerate().map(|(i, block)| (format!("projection.branch.{i}"), block));
    for (i, (name, block)) in stem.chain(branch).enumerate() {
        if i >= projection.stem.len() {
            levels.push(x.clone());
            masks.push(mask.clone());
        }
        found.push((format!("{name}.attn"), block.attend(x.clone(), &mask, None).0));
        found.push((format!("{name}.mlp"), block.mix(block.attended(x.clone(), &mask).0, None)));
        (x, mask) = block.forward(x, &mask, None);
        found.push((name, x.clone()));
    }
    levels.push(x);
    masks.push(mask);
    let levels = neck(&detector.neck, levels, &mut found);
    outputs(&["cls_head", "reg_head"], detector.rpn_head.raw(levels, &masks), &mut found);
    found
}

fn tridet(detector: &TriDet, x: Tensor<3>, mut mask: Mask) -> Stages {
    let projection = &detector.projection;
    let mut found = embed(&projection.embed, x.clone(), &mask);
    let mut x = projection.embed(x, &mask, None);
    let (mut levels, mut masks) = (Vec::new(), Vec::new());
    let stem = projection.stem.iter().enumerate().map(|(i, block)| (format!("projection.stem.{i}"), block));
    let branch = projection.branch.iter().enumerate().map(|(i, block)| (format!("projection.branch.{i}"), block));
    for (i, (name, block)) in stem.chain(branch).enumerate() {
        if i >= projection.stem.len() {
            levels.push(x.clone());
            masks.push(mask.clone());
        }
        let parts = block.parts(x.clone(), &mask);
        for (part, x) in [("psi", parts.psi), ("convkw", parts.convkw), ("gn", parts.gn), ("mlp", parts.mlp)] {
            found.push((format!("{name}.{part}"), x));
        }
        (x, mask) = block.forward(x, &mask, None);
        found.push((name, x.clone()));
    }
    levels.push(x);
    masks.push(mask);
    let levels = neck(&detector.neck, levels, &mut found);
    let names = ["cls_head", "reg_head", "cls_start_head", "cls_end_head"];
    outputs(&names, detector.rpn_head.raw(levels, &masks), &mut found);
    found
}

fn embed(convs: &[ConvModule], mut x: Tensor<3>, mask: &Mask) -> Stages {
    let mut found = Stages::new();
    for (i, conv) in convs.iter().enumerate() {
        x = conv.forward(x, mask);
        found.push((format!("projection.embed.{i}"), x.clone()));
    }
    found
}

fn neck(neck: &Neck, levels: Vec<Tensor<3>>, found: &mut Stages) -> Vec<Tensor<3>> {
    let levels = neck.forward(levels);
    found.extend(levels.iter().enumerate().map(|(l, x)| (format!("neck.out{l}"), x.clone())));
    levels
}

fn outputs<const N: usize>(names: &[&str; N], heads: [Vec<Tensor<3>>; N], found: &mut Stages) {
    for (name, levels) in names.iter().zip(heads) {
        found.extend(levels.into_iter().enumerate().map(|(l, x)| (format!("rpn_head.{name}#{l}"), x)));
    }
}
