//! The .safetensors form: the length of a header (8 bytes), the header in JSON, then all numbers without gaps.
//!
//! The header is read by ourselves because the `safetensors` crate wants the whole file in memory and keeps the last of
//! two tensors of one name without a word.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::disk::Disk;
use super::error::{Problem, shortened};
use super::tensor::{DType, MAX_DIMENSIONS, Span, TensorInfo};
use super::value::Value;

/// Bytes of a header, the limit of the format itself.
pub const MAX_HEADER: u64 = 100_000_000;

/// Tensors of a file. The largest models have some ten thousand.
pub const MAX_TENSORS: usize = 1 << 18;

/// Reads the header and checks that the tensors fill the file exactly.
pub(super) fn open(disk: &Disk) -> Result<Value, Problem> {
    let prefix = disk.bytes(0, 8, "the length of the header")?;
    let len = prefix.iter().rev().fold(0u64, |len, &byte| len << 8 | u64::from(byte));
    if len > MAX_HEADER {
        let what = format!("a safetensors header of {len} bytes");
        return Err(Problem::Limit { what, limit: format!("{MAX_HEADER} bytes") });
    }
    let json = disk.bytes(8, len, "the safetensors header")?;
    let text = std::str::from_utf8(&json)
        .map_err(|error| Problem::Header(format!("byte {} is not UTF-8", 8 + error.valid_up_to())))?;
    let Header(entries) = serde_json::from_str(text).map_err(|error| Problem::Header(shortened(&error.to_string())))?;
    drop(json);

    let data = 8 + len;
    let mut end = 0;
    let mut order: Vec<&(String, Entry)> = entries.iter().collect();
    order.sort_by_key(|(_, entry)| entry.data_offsets);
    for (name, entry) in order {
        end = check(entry, end).map_err(|what| Problem::tensor(what).inside(name))?;
    }
    let needs = data.saturating_add(end);
    if needs > disk.len() {
        return Err(Problem::Truncated { what: "the last tensor".into(), needs, has: disk.len() });
    }
    if needs < disk.len() {
        return Err(Problem::Header(format!("{} bytes at the end belong to no tensor", disk.len() - needs)));
    }

    let mut pairs = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let (start, stop) = entry.data_offsets;
        let span = Span { start: data + start, len: stop - start };
        let tensor = entry.dtype().map_err(Problem::tensor);
        let tensor = tensor.and_then(|dtype| TensorInfo::whole(dtype, &entry.shape.0, span));
        let tensor = tensor.map_err(|problem| problem.inside(&name))?;
        pairs.push((Value::Text(name.into()), Value::Tensor(Arc::new(tensor))));
    }
    Ok(Value::Dict(pairs))
}

/// Checks one tensor that must begin where the one before ended; returns where it ends.
fn check(entry: &Entry, begin: u64) -> Result<u64, String> {
    let (start, stop) = entry.data_offsets;
    if start != begin {
        let relation = if start < begin { "overlap those of another tensor" } else { "leave a gap before them" };
        return Err(format!("its bytes {start}..{stop} {relation}"));
    }
    let Some(len) = stop.checked_sub(start) else {
        return Err(format!("its bytes end before they begin: {start}..{stop}"));
    };
    let shape = &entry.shape.0;
    let size = entry.dtype()?.size() as u64;
    let bytes = shape.iter().try_fold(size, |bytes, &axis| bytes.checked_mul(u64::try_from(axis).ok()?));
    if bytes != Some(len) {
        return Err(format!("{} with shape {shape:?} does not take {len} bytes", entry.dtype));
    }
    Ok(stop)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

impl Entry {
    fn dtype(&self) -> Result<DType, String> {
        DType::of_safetensors(&self.dtype)
            .ok_or_else(|| format!("its type `{}` is not supported", shortened(&self.dtype)))
    }
}

/// A shape of at most [`MAX_DIMENSIONS`], so that a list of a million zeros takes no memory.
struct Shape(Vec<i64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axes;
        impl<'de> Visitor<'de> for Axes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sizes: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(size) = sizes.next_element::<u32>()? {
                    if shape.len() == MAX_DIMENSIONS {
                        return Err(A::Error::custom(format!("more than {MAX_DIMENSIONS} dimensions")));
                    }
                    shape.push(i64::from(size));
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(Axes)
    }
}

/// The tensors in the order of the header. Texts about the file, under `__metadata__`, are left out.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dict of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut entries = Vec::new();
                let mut seen = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("`{name}` stands there twice")));
                    }
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else if entries.len() == MAX_TENSORS {
                        return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
