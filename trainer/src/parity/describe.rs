//! The reference's description of a model, in our words.

use adatad_adapter::{AdapterConfig, Representation, TuningMode};
use adatad_backbone::VitConfig;
use adatad_detector::DetectorConfig;
use adatad_detector::actionformer::{ActionFormerConfig, AttentionWindow};
use adatad_detector::tridet::{Downsampling, SgpKernel, TriDetConfig};
use serde_json::Value;

use super::unusable::Unusable;
use crate::model::{FeatureSource, ModelConfig};
use crate::optim::OptimizerConfig;
use crate::rule::Rule;

/// A model on frames.
pub(super) fn model(description: &Value) -> Result<ModelConfig, Unusable> {
    let (backbone, adapter) = backbone(description)?;
    Ok(ModelConfig {
        source: FeatureSource::Backbone { vit: backbone, adapter, representation: Representation::Frames },
        detector: detector(description)?,
        classes: classes(description)?,
        window_steps: window_steps(description)?,
        detector_steps: window_steps(description)?,
        frame_loss: 0.0,
    })
}

/// A transformer and its adapters.
pub(super) fn backbone(description: &Value) -> Result<(VitConfig, AdapterConfig), Unusable> {
    let vit = &description["backbone"]["backbone"];
    let (width, patch) = (size(vit, "embed_dims")?, size(vit, "patch_size")?);
    let with_adapter: Vec<usize> = match &vit["adapter_index"] {
        Value::Array(blocks) => blocks.iter().filter_map(Value::as_u64).map(|block| block as usize).collect(),
        _ => Vec::new(),
    };
    let mode = if with_adapter.is_empty() { TuningMode::Frozen } else { TuningMode::Tia };
    let ratio = vit["adapter_mlp_ratio"].as_f64().unwrap_or(0.25);
    let backbone = VitConfig {
        width,
        depth: size(vit, "depth")?,
        heads: size(vit, "num_heads")?,
        mlp: (width as f64 * number(vit, "mlp_ratio")?) as usize,
        patch,
        position_grid: size(vit, "img_size")? / patch,
        drop_path: 0.0, // off when the fixtures were made
        norm_epsilon: vit["norm_cfg"]["eps"].as_f64().unwrap_or(VitConfig::NORM_EPSILON),
    };
    let adapter = AdapterConfig {
        mode,
        blocks: Some(with_adapter),
        reduction: (1.0 / ratio).round() as usize,
        ..AdapterConfig::tia()
    };
    Ok((backbone, adapter))
}

/// A detector.
pub(super) fn detector(description: &Value) -> Result<DetectorConfig, Unusable> {
    match description["type"].as_str() {
        Some("ActionFormer") => Ok(DetectorConfig::ActionFormer(actionformer(description)?)),
        Some("TriDet") => Ok(DetectorConfig::TriDet(tridet(description)?)),
        Some("GTAD") => Ok(DetectorConfig::Gtad(super::gtad::config(description)?)),
        other => Err(Unusable(format!("the detector {} is not supported", other.unwrap_or("without a name")))),
    }
}

fn actionformer(description: &Value) -> Result<ActionFormerConfig, Unusable> {
    let (projection, head) = (&description["projection"], &description["rpn_head"]);
    Ok(ActionFormerConfig {
        channels: size(projection, "out_channels")?,
        embed_convs: arch(projection, 0)?,
        stem_blocks: arch(projection, 1)?,
        heads: size(&projection["attn_cfg"], "n_head")?,
        attention_window: attention_window(&projection["attn_cfg"]["n_mha_win_size"]),
        absolute_positions: projection["use_abs_pe"].as_bool().unwrap_or(false),
        input_dropout: 0.0,
        path_dropout: projection["path_pdrop"].as_f64().unwrap_or(0.0),
        projection_dropout: projection["attn_cfg"]["proj_pdrop"].as_f64().unwrap_or(0.0),
        attention_dropout: projection["attn_cfg"]["attn_pdrop"].as_f64().unwrap_or(0.0),
        head_convs: size(head, "num_convs")?,
        head_channels: head["feat_channels"].as_u64().map(|channels| channels as usize),
        regression_ranges: ranges(&head["prior_generator"]["regression_range"])?,
        centre_radius: centre_radius(head, "center_sample_radius"),
        centred_points: head["prior_generator"]["use_offset"].as_bool().unwrap_or(false),
        class_prior: number(head, "cls_prior_prob")?,
        label_smoothing: number(head, "label_smoothing")?,
        loss_weight: number(head, "loss_weight")?,
        loss_normalizer: number(head, "loss_normalizer")?,
        loss_normalizer_momentum: number(head, "loss_normalizer_momentum")?,
        filter_similar: head["filter_similar_gt"].as_bool().unwrap_or(true),
    })
}

fn tridet(description: &Value) -> Result<TriDetConfig, Unusable> {
    let (projection, head) = (&description["projection"], &description["rpn_head"]);
    let kernel = |given: &Value| given.as_u64().map(|kernel| kernel as usize);
    let kernels = projection["sgp_win_size"].as_array().and_then(|all| all.iter().map(kernel).collect());
    Ok(TriDetConfig {
        channels: size(projection, "out_channels")?,
        embed_convs: arch(projection, 0)?,
        stem_blocks: arch(projection, 1)?,
        mlp: size(projection, "sgp_mlp_dim")?,
        kernel: SgpKernel::PerLevel(kernels.ok_or_else(|| lacks("sgp_win_size"))?),
        wide_factor: number(projection, "k")?,
        kernel_deviation: number(projection, "init_conv_vars")?,
        downsampling: match projection["downsample_type"].as_str() {
            Some("avg") => Downsampling::Average,
            _ => Downsampling::Max,
        },
        absolute_positions: projection["use_abs_pe"].as_bool().unwrap_or(false),
        input_noise: projection["input_noise"].as_f64().unwrap_or(0.0),
        path_dropout: projection["path_pdrop"].as_f64().unwrap_or(0.0),
        head_convs: size(head, "num_convs")?,
        head_channels: kernel(&head["feat_channels"]),
        head_kernel: kernel(&head["kernel_size"]).unwrap_or(3),
        boundary_kernel: kernel(&head["boundary_kernel_size"]).unwrap_or(3),
        bins: size(head, "num_bins")?,
        regression_ranges: ranges(&head["prior_generator"]["regression_range"])?,
        centre_radius: centre_radius(head, "center_sample_radius"),
        centred_points: head["prior_generator"]["use_offset"].as_bool().unwrap_or(false),
        class_prior: number(head, "cls_prior_prob")?,
        label_smoothing: number(head, "label_smoothing")?,
        loss_weight: head["loss_weight"].as_f64().unwrap_or(1.0),
        overlap_power: number(head, "iou_weight_power")?,
        loss_normalizer: number(head, "loss_normalizer")?,
        loss_normalizer_momentum: number(head, "loss_normalizer_momentum")?,
    })
}

fn arch(projection: &Value, at: usize) -> Result<usize, Unusable> {
    projection["arch"][at].as_u64().map(|count| count as usize).ok_or_else(|| lacks("arch"))
}

/// The lengths that each level answers for.
pub(super) fn ranges(given: &Value) -> Result<Vec<[f64; 2]>, Unusable> {
    let range = |range: &Value| Some([range[0].as_f64()?, range[1].as_f64()?]);
    let ranges = given.as_array().and_then(|all| all.iter().map(range).collect());
    ranges.ok_or_else(|| lacks("regression_range"))
}

/// Steps a query sees; -1 stands for all.
fn attention_window(given: &Value) -> Option<AttentionWindow> {
    let window = |given: &Value| given.as_u64().unwrap_or(0) as usize;
    match given {
        Value::Array(levels) => Some(AttentionWindow::PerLevel(levels.iter().map(window).collect())),
        given => given.as_u64().map(|window| AttentionWindow::Same(window as usize)),
    }
}

/// How near to a segment's centre a point has to be; none where it only has to lie in the segment.
pub(super) fn centre_radius(head: &Value, key: &str) -> Option<f64> {
    let sampled = head["center_sample"].as_str().is_none_or(|kind| kind == "radius");
    sampled.then(|| head[key].as_f64()).flatten()
}

pub(super) fn classes(description: &Value) -> Result<usize, Unusable> {
    size(&description["rpn_head"], "num_classes")
}

pub(super) fn window_steps(description: &Value) -> Result<usize, Unusable> {
    match description["roi_head"]["proposal_generator"]["tscale"].as_u64() {
        Some(steps) => Ok(steps as usize),
        None => size(&description["projection"], "max_seq_len"),
    }
}

pub(super) fn feature_channels(description: &Value) -> Result<usize, Unusable> {
    size(&description["projection"], "in_channels")
}

/// The rates in force when the reference made its steps.
pub(super) fn optimizer(sidecar: &Value) -> Result<OptimizerConfig, Unusable> {
    let groups = sidecar["optimizer_groups"].as_array().ok_or_else(|| lacks("optimizer_groups"))?;
    let is_adapter = |group: &&Value| {
        let names = group["params"].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.clone().count() > 0 && names.into_iter().all(|name| name.contains(".adapter."))
    };
    let rate = |group: Option<&Value>| group.and_then(|group| group["lr"].as_f64()).unwrap_or(0.0);
    let decay = groups.iter().filter_map(|group| group["weight_decay"].as_f64()).fold(0.0, f64::max);
    let rule = match groups.first().and_then(|group| group["type"].as_str()) {
        None | Some("AdamW") => Rule::AdamW,
        Some("Adam") => Rule::Adam,
        Some("SGD") => Rule::Sgd,
        Some(other) => return Err(Unusable(format!("optimisers of the kind `{other}` are not known"))),
    };
    let is_bias =
        |name: &Value| name.as_str().is_some_and(|name| name.ends_with(".bias") && !name.contains(".adapter."));
    let of_biases =
        groups.iter().filter(|group| group["params"].as_array().is_some_and(|names| names.iter().any(is_bias)));
    let decay_all = of_biases.filter_map(|group| group["weight_decay"].as_f64()).any(|decay| decay > 0.0);
    Ok(OptimizerConfig {
        rule,
        decay_all,
        learning_rate: rate(groups.iter().find(|group| !is_adapter(group))),
        adapter_learning_rate: rate(groups.iter().find(is_adapter)),
        backbone_learning_rate: 0.0,
        weight_decay: decay,
        clip_norm: number(sidecar, "clip_grad_norm")?,
    })
}

pub(super) fn size(of: &Value, key: &str) -> Result<usize, Unusable> {
    of[key].as_u64().map(|size| size as usize).ok_or_else(|| lacks(key))
}

pub(super) fn number(of: &Value, key: &str) -> Result<f64, Unusable> {
    of[key].as_f64().ok_or_else(|| lacks(key))
}

fn lacks(key: &str) -> Unusable {
    Unusable(format!("the description lacks `{key}`"))
}
