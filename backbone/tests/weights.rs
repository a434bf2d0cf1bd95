//! From files of other projects to a transformer.

#![cfg(test)]

use std::path::{Path, PathBuf};

use adatad_backbone::weights::file::WeightFile;
use adatad_backbone::weights::{Layout, VitWeights, WeightsError};
use adatad_backbone::{Vit, VitConfig};
use burn::tensor::{Device, Tensor};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// Every parameter of a transformer of this size, under these names, with the number of its place in each element.
fn whole(config: &VitConfig, rename: impl Fn(&str) -> Option<String>) -> Vec<(String, Vec<usize>, f32)> {
    let tensors = config.tensors().into_iter().enumerate();
    tensors.filter_map(|(i, (name, shape))| Some((rename(&name)?, shape, i as f32 + 0.5))).collect()
}

fn safetensors(path: &Path, tensors: &[(String, Vec<usize>, f32)]) {
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for (name, shape, value) in tensors {
        let start = data.len();
        (0..shape.iter().product::<usize>()).for_each(|_| data.extend(value.to_le_bytes()));
        header.push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len()));
    }
    let header = format!("{{{}}}", header.join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

fn tiny() -> VitConfig {
    VitConfig {
        width: 8,
        depth: 2,
        heads: 2,
        mlp: 16,
        patch: 4,
        position_grid: 2,
        drop_path: 0.0,
        norm_epsilon: VitConfig::NORM_EPSILON,
    }
}

#[test]
fn both_forms_of_a_pytorch_file_fill_the_same_transformer() {
    let path = fixture("mmaction_pretrain.pth");
    let fill = |path: &Path| {
        let weights = VitWeights::open(path, None).unwrap();
        assert_eq!((weights.layout(), weights.state_dict()), (Layout::Mmaction, "state_dict"));
        let config = VitConfig { heads: 2, ..weights.config().unwrap() };
        let mut vit = Vit::blank(&config, &Device::flex());
        let found = weights.load(&mut vit, &config, &[]).unwrap();
        assert!(found.unused.iter().any(|name| name == "cls_head.fc_cls.weight"), "{:?}", found.unused);
        vit
    };
    let (a, b) = (fill(&path), fill(&fixture("mmaction_pretrain_legacy.pth")));
    let file = WeightFile::open(&path).unwrap();
    let stored = |name: &str| {
        let info = file.root().get("state_dict").unwrap().get(name).unwrap().tensor().unwrap();
        file.read_f32(info).unwrap()
    };
    for vit in [a, b] {
        let block = &vit.blocks[1];
        assert_eq!(numbers(&block.attn.q_bias.val()), stored("backbone.blocks.1.attn.q_bias"));
        // Burn keeps `[inputs, outputs]`, PyTorch `[outputs, inputs]`.
        let fc1 = numbers(&block.mlp.fc1.weight.val().transpose());
        assert_eq!(fc1, stored("backbone.blocks.1.mlp.layers.0.0.weight"));
        assert_eq!(numbers(&block.norm2.gamma.val()), stored("backbone.blocks.1.norm2.weight"));
        assert_eq!(numbers(&vit.pos_embed.val()), stored("backbone.pos_embed"));
    }
}

#[test]
fn averaged_weights_come_before_others_unless_asked() {
    let path = fixture("opentad_epoch.pth");
    let opened = |state_dict| VitWeights::open(&path, state_dict).unwrap();
    let (average, last) = (opened(None), opened(Some("state_dict")));
    assert_eq!((average.layout(), average.state_dict()), (Layout::OpenTad, "state_dict_ema"));
    let bias = "module.backbone.model.backbone.blocks.0.attn.proj.bias";
    let read = |weights: &VitWeights| weights.read(bias).unwrap().unwrap();
    assert_ne!(read(&average), read(&last));

    let error = VitWeights::open(&path, Some("ema")).unwrap_err().to_string();
    assert!(error.contains("has no state dict `ema`; there are `state_dict`, `state_dict_ema`"), "{error}");
}

#[test]
fn the_original_names_fill_every_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("original.safetensors");
    let config = tiny();
    let tensors = whole(&config, |name| Some(name.replace("patch_embed.projection.", "patch_embed.proj.")));
    safetensors(&path, &tensors);
    let weights = VitWeights::open(&path, None).unwrap();
    assert_eq!(weights.layout(), Layout::VideoMae);
    let mut vit = Vit::blank(&config, &Device::flex());
    let found = weights.load(&mut vit, &config, &[]).unwrap();
    assert_eq!((found.matched.len(), found.unused.len()), (config.tensors().len(), 0));
    let last = tensors.len() as f32 - 0.5;
    assert!(numbers(&vit.blocks[1].mlp.fc2.bias.as_ref().unwrap().val()).iter().all(|value| *value == last));
    assert!(numbers(&vit.patch_embed.projection.weight.val()).iter().all(|value| *value == 0.5));
}

#[test]
fn what_is_missing_stops_unless_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("partial.safetensors");
    let (config, lacking) = (tiny(), "blocks.1.attn.v_bias");
    safetensors(&path, &whole(&config, |name| (name != lacking).then(|| name.to_owned())));
    let weights = VitWeights::open(&path, None).unwrap();
    let mut vit = Vit::blank(&config, &Device::flex());
    let error = weights.load(&mut vit, &config, &[]).unwrap_err();
    assert!(matches!(error, WeightsError::Mismatch { .. }) && error.to_string().contains(lacking), "{error}");
    weights.load(&mut vit, &config, &[lacking.to_owned()]).unwrap();

    let wider = VitConfig { mlp: 32, ..config };
    let error = weights.load(&mut Vit::blank(&wider, &Device::flex()), &wider, &[lacking.to_owned()]).unwrap_err();
    assert!(error.to_string().contains("`blocks.0.mlp.fc1.weight` is [16, 8], needed is [32, 8]"), "{error}");
}

#[test]
fn a_file_of_another_network_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    safetensors(&path, &[("layer1.conv.weight".into(), vec![2, 2], 1.0)]);
    let error = VitWeights::open(&path, None).unwrap_err().to_string();
    assert!(error.contains("holds no VideoMAE transformer") && error.contains("`layer1.conv.weight`"), "{error}");
    let error = VitWeights::open(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("holds none of model.safetensors"), "{error}");
}
