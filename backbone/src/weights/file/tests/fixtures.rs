//! Files that PyTorch wrote, against what it says they hold.

use super::super::{DType, FileKind, TensorInfo, Value, WeightFile};
use super::make::fixture;

/// Lines of name, type, shape and digest of the bytes.
fn check_digests(digests: &str, find: impl Fn(&str) -> TensorInfo, file: &WeightFile) -> usize {
    let text = std::fs::read_to_string(fixture(digests)).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for line in &lines {
        let [name, dtype, shape, digest] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let tensor = find(name);
        assert_eq!(Some(tensor.dtype()), DType::of_safetensors(dtype), "{name}");
        let sizes: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
        assert_eq!(if sizes.is_empty() { "-".into() } else { sizes.join(",") }, shape, "{name}");
        let fnv = file
            .read_bytes(&tensor)
            .unwrap()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(format!("{fnv:016x}"), digest, "{name}");
    }
    lines.len()
}

#[test]
fn both_forms_of_pth_hold_the_pretrained_recogniser() {
    for (name, kind) in
        [("mmaction_pretrain.pth", FileKind::PthZip), ("mmaction_pretrain_legacy.pth", FileKind::PthLegacy)]
    {
        let file = WeightFile::open(&fixture(name)).unwrap();
        assert_eq!(file.kind(), kind);
        let states = file.state_dicts();
        let [state] = &states[..] else { panic!("one dict of tensors, not {}", states.len()) };
        assert_eq!((&*state.path, state.tensors.len()), ("state_dict", 33));
        let find = |name: &str| state.tensors.iter().find(|(found, _)| *found == name).unwrap().1.clone();
        assert_eq!(check_digests("mmaction_pretrain.digests.txt", find, &file), 33);
        assert!(matches!(file.root().get("meta"), Some(Value::Dict(_))));
    }
}

#[test]
fn a_training_checkpoint_holds_weights_average_and_optimizer() {
    let file = WeightFile::open(&fixture("opentad_epoch.pth")).unwrap();
    let paths: Vec<String> = file.state_dicts().into_iter().map(|state| state.path).collect();
    assert_eq!(paths, ["state_dict", "state_dict_ema"]);

    let find = |name: &str| {
        let (part, name) = name.split_once('/').unwrap();
        if part != "optimizer" {
            return file.root().get(part).unwrap().get(name).unwrap().tensor().unwrap().clone();
        }
        let (index, name) = name.split_once('.').unwrap();
        let Some(Value::Dict(states)) = file.root().get("optimizer").unwrap().get("state") else { panic!() };
        let (_, state) = states.iter().find(|(key, _)| *key == Value::Int(index.parse().unwrap())).unwrap();
        state.get(name).unwrap().tensor().unwrap().clone()
    };
    assert_eq!(check_digests("opentad_epoch.digests.txt", find, &file), 849);

    // From opentad_epoch.expect.json.
    assert_eq!(file.root().get("epoch"), Some(&Value::Int(17)));
    let Some(Value::List(groups)) = file.root().get("optimizer").unwrap().get("param_groups") else { panic!() };
    assert_eq!(groups.len(), 3);
    assert_eq!(groups[1].get("lr"), Some(&Value::Float(2.5e-5)));
    assert_eq!(groups[0].get("foreach"), Some(&Value::None));
    assert_eq!(groups[0].get("betas"), Some(&Value::Tuple(vec![Value::Float(0.9), Value::Float(0.999)])));
    assert_eq!(file.root().get("scheduler").unwrap().get("max_epoch"), Some(&Value::Int(100)));
}

#[test]
fn every_form_of_tensor_is_read_bit_for_bit() {
    let expected = WeightFile::open(&fixture("tensor_forms.expect.safetensors")).unwrap();
    assert_eq!(expected.kind(), FileKind::Safetensors);
    for name in ["tensor_forms.pth", "tensor_forms_legacy.pth"] {
        let file = WeightFile::open(&fixture(name)).unwrap();
        let states = file.state_dicts();
        assert_eq!(states[0].tensors.len(), 20);
        for (name, tensor) in &states[0].tensors {
            let wanted = expected.root().get(name).unwrap().tensor().unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (wanted.dtype(), wanted.shape()), "{name}");
            assert_eq!(file.read_bytes(tensor).unwrap(), expected.read_bytes(wanted).unwrap(), "{name}");
            assert_eq!(bits(&file, tensor), bits(&expected, wanted), "{name}");
        }
        assert_eq!(
            file.root().get("state_dict").unwrap().get("transposed").unwrap().tensor().unwrap().strides(),
            [1, 6]
        );
    }
}

fn bits(file: &WeightFile, tensor: &TensorInfo) -> Vec<u32> {
    file.read_f32(tensor).unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn nested_python_values_are_found() {
    for name in ["tensor_forms.pth", "tensor_forms_legacy.pth"] {
        let file = WeightFile::open(&fixture(name)).unwrap();
        let meta = file.root().get("meta").unwrap();
        let found = |key| meta.get(key).unwrap().clone();
        assert_eq!(found("none"), Value::None);
        assert_eq!(found("flag"), Value::Bool(true));
        assert_eq!(found("n"), Value::Int(-7));
        assert_eq!(found("big"), Value::Int(1 << 40));
        assert_eq!(found("x"), Value::Float(1.25));
        assert_eq!(found("s").text(), Some("text, unicode é"));
        assert_eq!(
            found("lst"),
            Value::List(vec![Value::Int(1), Value::Float(2.5), Value::Text("a".into()), Value::None])
        );
        assert_eq!(found("tup"), Value::Tuple(vec![Value::Int(1), Value::Int(2)]));
        let nested = meta.get("nested").unwrap().get("a").unwrap().get("b");
        assert_eq!(nested, Some(&Value::List(vec![Value::Bool(true)])));
    }
}
