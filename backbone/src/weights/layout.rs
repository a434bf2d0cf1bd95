//! The names under which VideoMAE weights are stored, and the parameter of a [`Vit`](crate::Vit) that each fills.

use serde::Serialize;

/// Who named the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// OpenTAD, and what this project writes: `backbone.model.backbone.blocks.0.mlp.layers.0.0.weight`.
    OpenTad,
    /// mmaction2: `backbone.blocks.0.mlp.layers.0.0.weight`.
    Mmaction,
    /// VideoMAE and VideoMAEv2: `blocks.0.mlp.fc1.weight`; in pre-training checkpoints behind `encoder.`.
    VideoMae,
    /// Hugging Face: `videomae.encoder.layer.0.intermediate.dense.weight`.
    HuggingFace,
}

/// How one file names its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    layout: Layout,
    /// What stands before every name of the transformer.
    prefix: String,
}

/// What one stored tensor is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is a parameter.
    Whole(String),
    /// It is one of the three stacked parts (query, key, value) of a parameter.
    Part(String, usize),
    /// It is no part of the transformer's trunk: classification head, final norm, decoder, adapter, detector.
    Elsewhere,
}

/// In every layout but Hugging Face's.
const JOINT: &str = "blocks.0.attn.qkv.weight";
/// In Hugging Face's layout.
const SEPARATE: &str = "encoder.layer.0.attention.attention.query.weight";

/// Hugging Face's names within a layer, and ours within a block.
const LAYER: [(&str, &str); 13] = [
    ("layernorm_before.weight", "norm1.weight"),
    ("layernorm_before.bias", "norm1.bias"),
    ("attention.attention.q_bias", "attn.q_bias"),
    ("attention.attention.v_bias", "attn.v_bias"),
    ("attention.output.dense.weight", "attn.proj.weight"),
    ("attention.output.dense.bias", "attn.proj.bias"),
    ("layernorm_after.weight", "norm2.weight"),
    ("layernorm_after.bias", "norm2.bias"),
    ("intermediate.dense.weight", "mlp.fc1.weight"),
    ("intermediate.dense.bias", "mlp.fc1.bias"),
    ("output.dense.weight", "mlp.fc2.weight"),
    ("output.dense.bias", "mlp.fc2.bias"),
    ("attention.attention.qkv.weight", "attn.qkv.weight"),
];

impl Names {
    /// How a file with these names stores a VideoMAE transformer; `None` if it holds none.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        // A pre-training checkpoint holds two transformers; its decoder is of no use here.
        let ending = |end: &str| {
            let prefix = |name: &str| name.strip_suffix(end).map(str::to_owned);
            names.clone().filter_map(prefix).find(|prefix| !prefix.ends_with("decoder."))
        };
        if let Some(prefix) = ending(SEPARATE) {
            return Some(Self { layout: Layout::HuggingFace, prefix });
        }
        let prefix = ending(JOINT)?;
        let first = format!("{prefix}blocks.0.mlp.layers.0.0.weight");
        let layout = match names.clone().any(|name| name == first) {
            true if prefix.ends_with("backbone.model.backbone.") => Layout::OpenTad,
            true => Layout::Mmaction,
            false => Layout::VideoMae,
        };
        Some(Self { layout, prefix })
    }

    /// Who named the weights.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What stands before every name of the transformer.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the tensor of this name is for.
    pub fn place(&self, name: &str) -> Place {
        let Some(rest) = name.strip_prefix(&self.prefix) else { return Place::Elsewhere };
        match self.layout {
            Layout::HuggingFace => hugging_face(rest),
            Layout::OpenTad | Layout::Mmaction | Layout::VideoMae => joint(rest),
        }
    }
}

fn joint(name: &str) -> Place {
    if let Some(end) = name.strip_prefix("patch_embed.") {
        return match end.strip_prefix("proj.").or_else(|| end.strip_prefix("projection.")) {
            Some(end) => Place::Whole(format!("patch_embed.projection.{end}")),
            None => Place::Elsewhere,
        };
    }
    if name == "pos_embed" {
        return Place::Whole(name.to_owned());
    }
    let Some((block, rest)) = numbered(name, "blocks.") else { return Place::Elsewhere };
    let rest = match rest.strip_prefix("mlp.layers.0.0.") {
        Some(end) => format!("mlp.fc1.{end}"),
        None => match rest.strip_prefix("mlp.layers.1.") {
            Some(end) => format!("mlp.fc2.{end}"),
            None => rest.to_owned(),
        },
    };
    match rest.starts_with("adapter.") {
        true => Place::Elsewhere,
        false => Place::Whole(format!("blocks.{block}.{rest}")),
    }
}

fn hugging_face(name: &str) -> Place {
    if let Some(end) = name.strip_prefix("embeddings.patch_embeddings.projection.") {
        return Place::Whole(format!("patch_embed.projection.{end}"));
    }
    let Some((layer, rest)) = numbered(name, "encoder.layer.") else { return Place::Elsewhere };
    for (part, which) in ["query", "key", "value"].into_iter().enumerate() {
        if rest == format!("attention.attention.{which}.weight") {
            return Place::Part(format!("blocks.{layer}.attn.qkv.weight"), part);
        }
    }
    match LAYER.iter().find(|(theirs, _)| *theirs == rest) {
        Some((_, ours)) => Place::Whole(format!("blocks.{layer}.{ours}")),
        None => Place::Elsewhere,
    }
}

/// `blocks.12.norm1.weight` as 12 and `norm1.weight`.
fn numbered<'a>(name: &'a str, start: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name.strip_prefix(start)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(names: &[&str], name: &str) -> Place {
        Names::of(names.iter().copied()).unwrap().place(name)
    }

    fn whole(path: &str) -> Place {
        Place::Whole(path.into())
    }

    #[test]
    fn names_of_opentad() {
        let first = "module.backbone.model.backbone.blocks.0.attn.qkv.weight";
        let names = [first, "module.backbone.model.backbone.blocks.0.mlp.layers.0.0.weight"];
        assert_eq!(Names::of(names.into_iter()).unwrap().layout(), Layout::OpenTad);
        assert_eq!(place(&names, first), whole("blocks.0.attn.qkv.weight"));
        assert_eq!(place(&names, names[1]), whole("blocks.0.mlp.fc1.weight"));
        assert_eq!(place(&names, "module.backbone.model.backbone.blocks.0.adapter.gamma"), Place::Elsewhere);
        assert_eq!(place(&names, "module.rpn_head.cls_head.bias"), Place::Elsewhere);
    }

    #[test]
    fn names_of_the_original_and_its_pretraining() {
        let names = ["encoder.blocks.0.attn.qkv.weight", "decoder.blocks.0.attn.qkv.weight"];
        for order in [names, [names[1], names[0]]] {
            assert_eq!(place(&order, "encoder.patch_embed.proj.bias"), whole("patch_embed.projection.bias"));
            assert_eq!(place(&order, "decoder.blocks.0.attn.qkv.weight"), Place::Elsewhere);
            assert_eq!(place(&order, "encoder.blocks.11.mlp.fc2.bias"), whole("blocks.11.mlp.fc2.bias"));
        }
    }

    #[test]
    fn names_of_hugging_face() {
        for prefix in ["videomae.", ""] {
            let name = |rest: &str| format!("{prefix}encoder.layer.0.{rest}");
            let first = name("attention.attention.query.weight");
            let names = [first.as_str()];
            let qkv = |part| Place::Part("blocks.0.attn.qkv.weight".into(), part);
            assert_eq!(place(&names, &first), qkv(0));
            assert_eq!(place(&names, &name("attention.attention.value.weight")), qkv(2));
            assert_eq!(place(&names, &name("output.dense.weight")), whole("blocks.0.mlp.fc2.weight"));
            assert_eq!(place(&names, &format!("{prefix}layernorm.weight")), Place::Elsewhere);
        }
    }

    #[test]
    fn other_models_are_not_taken_for_videomae() {
        assert_eq!(Names::of(["layer1.0.conv1.weight", "fc.bias"].into_iter()), None);
    }
}
