//! Pickles that are hostile, strange or broken.

use super::super::{Problem, Value};
use super::make::{call, dict, global, int, opened, pickle, problem, pth, storage, tensor, text, tuple};

fn root(opcodes: Vec<u8>) -> Value {
    opened(&pth(&pickle(opcodes), &[])).unwrap().root().clone()
}

fn refused(opcodes: Vec<u8>) -> Problem {
    problem(&pth(&pickle(opcodes), &[]))
}

fn object(class: &str) -> Value {
    Value::Object { class: class.into() }
}

#[test]
fn a_call_of_the_shell_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("was_here");
    let command = text(&format!("touch {}", mark.display()));
    for (module, name) in [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen")] {
        let made = root(call(global(module, name), std::slice::from_ref(&command)));
        assert_eq!(made, object(&format!("{module}.{name}")));
    }
    assert!(!mark.exists());
}

#[test]
fn unknown_objects_are_known_by_their_class() {
    let namespace = [global("argparse", "Namespace"), b")\x81}".to_vec(), text("lr"), int(1), b"sb".to_vec()].concat();
    let scalar = call(global("numpy.core.multiarray", "scalar"), &[global("numpy", "dtype"), b"U\x01\xff".to_vec()]);
    let long = [b"\x8a\x09".to_vec(), vec![0xff; 8], vec![0x7f]].concat();
    let found = root(tuple(&[namespace, scalar, global("torch", "float32"), long, b"C\x02ab".to_vec()]));
    let classes = [object("argparse.Namespace"), object("numpy.core.multiarray.scalar"), object("torch.float32")];
    assert_eq!(found, Value::Tuple([&classes[..], &[object("int"), Value::Bytes]].concat()));
}

#[test]
fn an_ordered_dict_may_have_attributes_and_a_dict_of_another_class_is_a_dict() {
    let metadata = [dict(&[("_metadata", b"}".to_vec())]), b"b".to_vec()].concat();
    let items = [b"(".to_vec(), text("a"), int(1), b"u".to_vec()].concat();
    for class in [global("collections", "OrderedDict"), global("mmengine.config", "ConfigDict")] {
        let made = root([call(class, &[]), items.clone(), metadata.clone()].concat());
        assert_eq!(made, Value::Dict(vec![(Value::Text("a".into()), Value::Int(1))]));
    }
    // Python 2 wrote the items as an argument.
    let pairs = [b"](".to_vec(), tuple(&[text("a"), int(1)]), b"e".to_vec()].concat();
    assert_eq!(root(call(global("collections", "OrderedDict"), &[pairs])).get("a"), Some(&Value::Int(1)));
}

#[test]
fn what_is_added_after_memoisation_is_seen_in_every_place() {
    // A dict and a list are put in the memo, then filled, then used again.
    let shared = [b"}q\x00(".to_vec(), text("k"), int(1), b"u]q\x01(".to_vec(), int(2), b"eh\x00h\x01\x94".to_vec()];
    let Value::Tuple(items) = root([b"(".to_vec(), shared.concat(), b"t".to_vec()].concat()) else { panic!() };
    assert_eq!(items[0].get("k"), Some(&Value::Int(1)));
    assert_eq!(items[0], items[2]);
    assert_eq!(items[1], Value::List(vec![Value::Int(2)]));
    assert_eq!(items[1], items[3]);
}

#[test]
fn protocols_four_and_five_are_read() {
    let body = b"\x80\x05\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94K\x05\x8c\x06module\x94\x8c\x05Class\x94\x93\x94)\x81\x94\x8c\x01b\x94u.";
    let found = opened(&pth(body, &[]));
    let Value::Dict(pairs) = found.unwrap().root().clone() else { panic!() };
    assert_eq!(pairs[0], (Value::Text("a".into()), Value::Int(5)));
    assert_eq!(pairs[1], (object("module.Class"), Value::Text("b".into())));
}

#[test]
fn a_bomb_of_shared_lists_is_stopped() {
    // Each list holds the one before twice: 2^60 values from 300 bytes.
    let mut opcodes = b"]q\x00".to_vec();
    for level in 1..=60u8 {
        opcodes.extend([b']', b'(', b'h', level - 1, b'h', level - 1, b'e', b'q', level]);
    }
    assert!(matches!(refused(opcodes), Problem::Limit { .. }));
    // The same at the cost of the text alone.
    let many = [text(&"x".repeat(1 << 20)), b"q\x00](".to_vec(), b"h\x00".repeat(100_000), b"e".to_vec()].concat();
    let Value::List(items) = root(many) else { panic!() };
    assert_eq!(items.len(), 100_000);
}

#[test]
fn too_many_steps_are_stopped() {
    assert!(matches!(refused(b"N".repeat(3 << 20)), Problem::Limit { .. }));
    // Names made from every pair of many texts.
    let texts: Vec<u8> =
        (0..=255u8).flat_map(|key| [text(&"n".repeat(800 + usize::from(key))), vec![b'q', key]].concat()).collect();
    let pairs: Vec<u8> = (0..=255).flat_map(|a| (0..=255).flat_map(move |b| [b'h', a, b'h', b, 0x93])).collect();
    assert!(refused([texts, pairs].concat()).to_string().contains("names of classes"));
}

#[test]
fn deep_nesting_and_cycles_are_stopped() {
    for depth in [200, 10_000, 500_000] {
        let nested = [b"]".repeat(depth), b"a".repeat(depth - 1)].concat();
        assert!(refused(nested).to_string().contains("128 levels"), "{depth}");
        let nested = [b"(".repeat(depth), b"t".repeat(depth)].concat();
        assert!(refused(nested).to_string().contains("128 levels"), "{depth}");
    }
    assert!(refused(b"]q\x00h\x00a".to_vec()).to_string().contains("128 levels"));
    // Inside of what is dropped anyway, depth does no harm.
    let nested = [b"(".repeat(9999), b"t".repeat(9999)].concat();
    assert_eq!(root(call(global("some", "Class"), &[nested])), object("some.Class"));
}

#[test]
fn broken_opcodes_are_errors_with_their_place() {
    let cases: &[(&[u8], &str)] = &[
        (b"\xff", "opcode 0xff"),
        (b"h\x07", "memo 7"),
        (b"q\x00", "missing"),
        (b"0", "missing"),
        (b"t", "never began"),
        (b"Na", "missing"),
        (b"NNa", "no list"),
        (b"NNNs", "no dict"),
        (b"}(Nu", "without a value"),
        (b"(\x85", "missing"),
        (b"X\xff\xff\xff\xff", "ends too early"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "ends too early"),
        (b"\x8b\xff\xff\xff\xff", "ends too early"),
        (b"NQ", "no tuple"),
        (b")Q", "neither a storage"),
        (b"cos\nsystem\nNR", "no tuple"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "fewer than four"),
        (b"ctorch._utils\n_rebuild_parameter\n)R", "without data"),
        (b"\x80\x09", "protocol 9"),
        (b"NN\x93", "name is no text"),
    ];
    for (opcodes, what) in cases {
        let message = refused(opcodes.to_vec()).to_string();
        assert!(message.contains(what), "{}: {message}", opcodes.escape_ascii());
    }
    // A pickle without an end.
    assert!(problem(&pth(b"\x80\x02}", &[])).to_string().contains("ends too early"));
}

#[test]
fn a_name_that_stands_twice_is_an_error() {
    let twice = dict(&[("state", dict(&[("w", int(1)), ("w", int(2))]))]);
    assert_eq!(refused(twice).to_string(), "tensor `state.w`: the name stands twice in its dict");
}

#[test]
fn storages_of_unknown_types_do_not_hide_the_others() {
    let odd = tensor(storage("QInt8Storage", "0", 4), 0, &[4], &[1]);
    let good = tensor(storage("FloatStorage", "1", 1), 0, &[], &[]);
    let file = opened(&pth(&pickle(dict(&[("odd", odd), ("good", good)])), &[&[0; 4], &2f32.to_le_bytes()])).unwrap();
    assert_eq!(file.root().get("odd"), Some(&object("torch.QInt8Storage")));
    assert_eq!(file.read_f32(file.root().get("good").unwrap().tensor().unwrap()).unwrap(), [2.0]);
}
