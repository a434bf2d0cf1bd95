//! The form of .pth that torch.save wrote before 1.6: five pickles, then the storages one after the other.
//!
//! The pickles are a magic number, the version of the form, facts about the machine, the tree, and the keys of the
//! storages in their order. A storage is its count of elements (8 bytes), then the elements.

use std::collections::HashMap;
use std::sync::Arc;

use super::disk::{Disk, Stream};
use super::error::{Problem, shortened};
use super::graph::{Graph, Id, Node, Storage};
use super::pickle;
use super::tensor::{DType, Span};
use super::value::{self, Value};

/// 0x1950a86a20f9469cfc6c, the lowest byte first.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Reads the tree and finds each of its tensors in the file.
pub(super) fn open(disk: &Disk) -> Result<Value, Problem> {
    let mut stream = Stream::new(disk, "the first pickle", 0, disk.len());
    let (graph, magic) = pickle::read(&mut stream)?;
    if !matches!(graph.node(magic), Node::Long(bytes) if **bytes == MAGIC) {
        return Err(Problem::Foreign {
            looks: "a plain Python pickle that torch.save did not write".into(),
            advice: "load it in Python and save the weights with torch.save or as .safetensors",
        });
    }
    stream.part("the version");
    let (graph, version) = pickle::read(&mut stream)?;
    if !matches!(graph.node(version), Node::Int(VERSION)) {
        return Err(stream.fault(format!("a version of the form other than {VERSION}")));
    }
    stream.part("the description of the machine");
    let (graph, machine) = pickle::read(&mut stream)?;
    if let Some(Node::Bool(false)) = entry(&graph, machine, "little_endian") {
        return Err(Problem::BigEndian);
    }
    stream.part("the pickled tree");
    let (graph, root) = pickle::read(&mut stream)?;
    stream.part("the list of storages");
    let (keys, list) = pickle::read(&mut stream)?;

    let places = places(&graph, &keys, list, disk, &stream)?;
    value::tree(&graph, root, &mut |storage: &Storage| {
        places.get(&storage.key).map(|(_, span)| *span).ok_or_else(|| {
            Problem::tensor(format!("its storage `{}` is not in the list of storages", shortened(&storage.key)))
        })
    })
}

fn entry<'a>(graph: &'a Graph, dict: Id, name: &str) -> Option<&'a Node> {
    let Node::Dict(pairs) = graph.node(dict) else { return None };
    let (_, value) = pairs.iter().find(|(key, _)| graph.text(*key).is_some_and(|key| **key == *name))?;
    Some(graph.node(*value))
}

/// The type and place of each storage, by its key.
type Places = HashMap<Arc<str>, (DType, Span)>;

/// Walks the storages from the end of the last pickle to the end of the file.
fn places(graph: &Graph, keys: &Graph, list: Id, disk: &Disk, stream: &Stream) -> Result<Places, Problem> {
    let keys: Option<Vec<&Arc<str>>> =
        keys.items(list).and_then(|items| items.iter().map(|&key| keys.text(key)).collect());
    let keys = keys.ok_or_else(|| stream.fault("the keys are not a list of texts"))?;

    // The blocks do not say how wide an element is; the tree does.
    let mut claims: HashMap<&str, (DType, u64)> = HashMap::new();
    for storage in &graph.storages {
        let claim = (storage.dtype, storage.elements);
        if *claims.entry(&storage.key).or_insert(claim) != claim {
            return Err(stream.fault(format!("storage `{}` has two types or sizes", shortened(&storage.key))));
        }
    }

    let mut places = Places::new();
    let mut at = stream.position();
    for key in keys {
        let shown = shortened(key);
        let Some(&(dtype, claimed)) = claims.get(&**key) else {
            return Err(stream.fault(format!("storage `{shown}` is listed but never used")));
        };
        let what = format!("storage `{shown}`");
        let head = disk.bytes(at, 8, &what)?;
        let count = head.iter().rev().fold(0u64, |count, &byte| count << 8 | u64::from(byte));
        if count != claimed {
            return Err(Problem::Pickle {
                part: "a storage",
                offset: at,
                what: format!("`{shown}` holds {count} elements where the tree says {claimed}"),
            });
        }
        let start = at + 8;
        let end = count.checked_mul(dtype.size() as u64).and_then(|len| start.checked_add(len)).unwrap_or(u64::MAX);
        if end > disk.len() {
            return Err(Problem::Truncated { what, needs: end, has: disk.len() });
        }
        if places.insert(Arc::clone(key), (dtype, Span { start, len: end - start })).is_some() {
            return Err(stream.fault(format!("storage `{shown}` is listed twice")));
        }
        at = end;
    }
    Ok(places)
}
