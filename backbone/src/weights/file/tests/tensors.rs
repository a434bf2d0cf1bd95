//! Tensors whose claims do not fit the file, and conversions of every type.

use super::super::{DType, Problem, WeightFile};
use super::make::{call, dict, global, int, ints, opened, pickle, problem, pth, storage, tensor};

fn file(tensor: Vec<u8>, data: &[u8]) -> Vec<u8> {
    pth(&pickle(dict(&[("net", dict(&[("w", tensor)]))])), &[data])
}

fn read(file: &WeightFile) -> Vec<f32> {
    file.read_f32(file.root().get("net").unwrap().get("w").unwrap().tensor().unwrap()).unwrap()
}

#[test]
fn a_tensor_beyond_its_storage_is_an_error_that_names_it() {
    let float = |elements| storage("FloatStorage", "0", elements);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (tensor(float(5_000_000_000), 0, &[5_000_000_000], &[1]), "the file holds 16 bytes"),
        (tensor(float(i64::MAX), 0, &[i64::MAX], &[1]), "the file holds 16 bytes"),
        (tensor(float(4), 0, &[5], &[1]), "does not fit"),
        (tensor(float(4), 1, &[4], &[1]), "does not fit"),
        (tensor(float(4), 4, &[], &[]), "does not fit"),
        (tensor(float(4), 0, &[2, 2], &[4, 1]), "does not fit"),
        (tensor(float(4), 0, &[2, 2], &[i64::MAX, i64::MAX]), "does not fit"),
        (tensor(float(4), i64::MAX, &[2], &[1]), "does not fit"),
        (tensor(float(4), 0, &[2], &[-1]), "negative"),
        (tensor(float(4), -1, &[2], &[1]), "negative"),
        (tensor(float(4), 0, &[-2], &[1]), "negative"),
        (tensor(float(4), 0, &[2, 2], &[1]), "1 strides for 2 dimensions"),
        (tensor(float(4), 0, &[1 << 41], &[0]), "more elements than the limit"),
        (tensor(float(4), 0, &[1 << 40, 1 << 40], &[0, 0]), "more elements than the limit"),
        (tensor(float(4), 0, &[1 << 30], &[0]), "above the limit of 16 times"),
        (tensor(float(4), 0, &[1; 17], &[1; 17]), "short list"),
        (tensor(storage("FloatStorage", "7", 4), 0, &[4], &[1]), "`data/7` is not in the archive"),
        (tensor(storage("FloatStorage", "../data.pkl", 4), 0, &[4], &[1]), "is not in the archive"),
    ];
    for (tensor, what) in cases {
        let problem = problem(&file(tensor, &[0; 16]));
        let message = problem.to_string();
        assert!(matches!(problem, Problem::Tensor { .. }) && message.starts_with("tensor `net.w`: "), "{message}");
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn expanded_and_empty_tensors_are_read() {
    let float = storage("FloatStorage", "0", 2);
    let data = [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat();
    let expanded = opened(&file(tensor(float.clone(), 0, &[2, 3], &[1, 0]), &data)).unwrap();
    assert_eq!(read(&expanded), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    let large = opened(&file(tensor(float.clone(), 1, &[1000, 1000], &[0, 0]), &data)).unwrap();
    assert_eq!(read(&large), vec![2.0; 1_000_000]);
    let empty = opened(&file(tensor(float, 99, &[1 << 60, 1 << 60, 0], &[1, 1, 1]), &data)).unwrap();
    assert!(read(&empty).is_empty());
}

#[test]
fn any_strides_are_resolved_over_many_pieces() {
    // Larger than the piece that is read at once, so that pieces meet within runs.
    let numbers: Vec<f32> = (0..700_000u32).map(|number| number as f32).collect();
    let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let cases: &[(i64, &[i64], &[i64])] = &[
        (0, &[700_000], &[1]),
        (1, &[7, 99_999], &[100_000, 1]),
        (0, &[1000, 700], &[1, 1000]),
        (5, &[3, 20, 50], &[1, 7_000, 300]),
        (0, &[4, 3, 2, 5], &[150, 1, 75, 15]),
        (1, &[2, 349_999], &[1, 2]),
        (0, &[3, 4], &[200_000, 30_000]),
        (10, &[5, 5], &[1, 1]),
        (0, &[2, 3, 1, 4], &[0, 100, 12_345, 1]),
    ];
    for &(offset, shape, strides) in cases {
        let file = opened(&file(tensor(storage("FloatStorage", "0", 700_000), offset, shape, strides), &data)).unwrap();
        let mut wanted = vec![offset as usize];
        for (&size, &stride) in shape.iter().zip(strides) {
            wanted = wanted.iter().flat_map(|at| (0..size as usize).map(move |i| at + i * stride as usize)).collect();
        }
        let wanted: Vec<f32> = wanted.into_iter().map(|at| numbers[at]).collect();
        assert!(read(&file) == wanted, "{shape:?} {strides:?}");
    }
}

#[test]
fn every_type_converts_to_the_nearest_float() {
    let cases: &[(&str, &[u8], &[f32])] = &[
        ("DoubleStorage", &[0.1f64.to_le_bytes(), 1e300f64.to_le_bytes()].concat(), &[0.1, f32::INFINITY]),
        ("HalfStorage", &[0x00, 0x3c, 0x01, 0x00], &[1.0, 5.960_464_5e-8]),
        ("BFloat16Storage", &[0x80, 0x3f, 0x80, 0xff], &[1.0, f32::NEG_INFINITY]),
        ("Float8_e4m3fnStorage", &[0x38, 0xb8, 0x01, 0x7e], &[1.0, -1.0, 0.001_953_125, 448.0]),
        ("Float8_e5m2Storage", &[0x3c, 0x7b], &[1.0, 57344.0]),
        ("LongStorage", &[(1i64 << 24) + 1, -3].map(i64::to_le_bytes).concat(), &[16_777_216.0, -3.0]),
        ("IntStorage", &(-5i32).to_le_bytes(), &[-5.0]),
        ("ShortStorage", &(-6i16).to_le_bytes(), &[-6.0]),
        ("CharStorage", &[0xff, 7], &[-1.0, 7.0]),
        ("ByteStorage", &[0xff], &[255.0]),
        ("BoolStorage", &[0, 1, 2], &[0.0, 1.0, 1.0]),
    ];
    for (class, data, wanted) in cases {
        let count = wanted.len() as i64;
        let file = opened(&file(tensor(storage(class, "0", count), 0, &[count], &[1]), data)).unwrap();
        assert_eq!(read(&file), *wanted, "{class}");
    }
}

#[test]
fn complex_numbers_are_listed_but_not_converted() {
    let file = opened(&file(tensor(storage("ComplexFloatStorage", "0", 2), 0, &[2], &[1]), &[1; 16])).unwrap();
    let tensor = file.root().get("net").unwrap().get("w").unwrap().tensor().unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (DType::Complex64, &[2][..]));
    assert_eq!(file.read_bytes(tensor).unwrap(), [1; 16]);
    assert!(matches!(file.read_f32(tensor).unwrap_err().problem, Problem::NotReal("complex64")));
}

#[test]
fn all_functions_that_make_tensors_are_known() {
    let float = storage("FloatStorage", "0", 2);
    let old = call(global("torch._utils", "_rebuild_tensor"), &[float.clone(), int(1), ints(&[1]), ints(&[1])]);
    let plain = tensor(float.clone(), 1, &[1], &[1]);
    let parameter = call(global("torch._utils", "_rebuild_parameter"), &[plain, b"\x88".to_vec(), b"}".to_vec()]);
    // By its count of bytes, with the type of the elements apart.
    let untyped = [
        storage("UntypedStorage", "0", 8),
        int(1),
        ints(&[1]),
        ints(&[1]),
        b"\x89".to_vec(),
        b"}".to_vec(),
        global("torch", "float32"),
    ];
    let third = call(global("torch._utils", "_rebuild_tensor_v3"), &untyped);
    let arguments = super::make::tuple(&[float, int(1), ints(&[1]), ints(&[1]), b"\x89".to_vec(), b"}".to_vec()]);
    let function = global("torch._utils", "_rebuild_tensor_v2");
    let attributed = [function, global("torch", "Tensor"), arguments, b"}".to_vec()];
    let attributed = call(global("torch._tensor", "_rebuild_from_type_v2"), &attributed);
    let data = [1f32.to_le_bytes(), 2f32.to_le_bytes()].concat();
    for made in [old, parameter, third, attributed] {
        assert_eq!(read(&opened(&file(made, &data)).unwrap()), [2.0]);
    }
}
