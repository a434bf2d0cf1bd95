//! Files of weights made by hand.

use std::path::PathBuf;

use super::super::{FileError, Problem, WeightFile};

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Opens a file of these bytes.
pub(super) fn opened(bytes: &[u8]) -> Result<WeightFile, FileError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    // The open file outlives its name.
    WeightFile::open(file.path())
}

/// What is wrong with a file of these bytes.
pub(super) fn problem(bytes: &[u8]) -> Problem {
    opened(bytes).expect_err("the file must not open").problem
}

/// Entries of a zip archive, stored: name and content.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let header = file.len() as u32;
        let (size, name_len) = ((content.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        // Version, flags, method, time, date, checksum, both sizes, length of the name and of the extra field.
        let common = [&[0u8; 14][..], &size, &size, &name_len, &[0; 2]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
        let place = header.to_le_bytes();
        directory.extend([b"PK\x01\x02\0\0", &common[..], &[0; 10], &place, name.as_bytes()].concat());
    }
    let (start, size) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (entries.len() as u16).to_le_bytes();
    file.extend(directory);
    file.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0; 2]].concat());
    file
}

/// A .pth with this pickle and these storages, whose keys are `0`, `1`, ..
pub(super) fn pth(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    let names: Vec<String> = (0..storages.len()).map(|key| format!("archive/data/{key}")).collect();
    let mut entries = vec![("archive/data.pkl", pickle)];
    entries.extend(names.iter().map(String::as_str).zip(storages.iter().copied()));
    zip(&entries)
}

/// A .pth of the older form: the pickle, the keys of the storages, and the storages with their counts of elements.
pub(super) fn legacy(pickle: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec();
    file.extend([b"\x80\x02}", &text("little_endian")[..], b"\x88s."].concat());
    file.extend(pickle);
    file.extend(b"\x80\x02](");
    for (key, _, _) in storages {
        file.extend(text(key));
    }
    file.extend(b"e.");
    for (_, count, content) in storages {
        file.extend(count.to_le_bytes());
        file.extend(*content);
    }
    file
}

/// A .safetensors with this header.
pub(super) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Opcodes that push a text.
pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Opcodes that push an integer.
pub(super) fn int(number: i64) -> Vec<u8> {
    [b"\x8a\x08", &number.to_le_bytes()[..]].concat()
}

/// Opcodes that push a tuple.
pub(super) fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(", &items.concat()[..], b"t"].concat()
}

/// Opcodes that push a tuple of integers.
pub(super) fn ints(numbers: &[i64]) -> Vec<u8> {
    tuple(&numbers.iter().copied().map(int).collect::<Vec<_>>())
}

/// Opcodes that push a class or function.
pub(super) fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// Opcodes that push what a function returns.
pub(super) fn call(function: Vec<u8>, arguments: &[Vec<u8>]) -> Vec<u8> {
    [function, tuple(arguments), b"R".to_vec()].concat()
}

/// Opcodes that push a storage.
pub(super) fn storage(class: &str, key: &str, elements: i64) -> Vec<u8> {
    let id = [text("storage"), global("torch", class), text(key), text("cuda:0"), int(elements)];
    [tuple(&id), b"Q".to_vec()].concat()
}

/// Opcodes that push a tensor.
pub(super) fn tensor(storage: Vec<u8>, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let hooks = call(global("collections", "OrderedDict"), &[]);
    let arguments = [storage, int(offset), ints(shape), ints(strides), b"\x89".to_vec(), hooks];
    call(global("torch._utils", "_rebuild_tensor_v2"), &arguments)
}

/// Opcodes that push a dict.
pub(super) fn dict(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs: Vec<u8> = pairs.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(", &pairs[..], b"u"].concat()
}

/// A whole pickle.
pub(super) fn pickle(opcodes: Vec<u8>) -> Vec<u8> {
    [b"\x80\x02", &opcodes[..], b"."].concat()
}

/// Small numbers without a pattern, the same in every run (SplitMix64).
pub(super) struct Draws(pub(super) u64);

impl Draws {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
