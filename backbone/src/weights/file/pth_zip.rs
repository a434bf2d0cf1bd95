//! The form of .pth that torch.save writes since 1.6: a zip archive with the tree in `data.pkl`, storages in `data/`.

use std::collections::HashMap;
use std::sync::Arc;

use super::disk::{Disk, MAX_PICKLE, Stream};
use super::error::{Problem, shortened};
use super::graph::Storage;
use super::pickle;
use super::tensor::Span;
use super::value::{self, Value};
use super::zip::Archive;

/// Reads the tree and finds each of its tensors in the file.
pub(super) fn open(disk: &Disk) -> Result<Value, Problem> {
    let archive = Archive::open(disk)?;
    let folder = folder(&archive)?;
    let inside = |name: &str| [folder, name.as_bytes()].concat();

    if archive.find(disk, &inside("constants.pkl"))?.is_some() {
        return Err(Problem::Foreign {
            looks: "a TorchScript archive (torch.jit.save)".into(),
            advice: "load it in PyTorch and save its state_dict() with torch.save",
        });
    }
    // Files of PyTorch before 2.1 do not say; they are little-endian.
    if let Some(order) = archive.find(disk, &inside("byteorder"))? {
        match &*disk.bytes(order.start, order.len.min(16), "the byte order")? {
            b"little" => {}
            b"big" => return Err(Problem::BigEndian),
            _ => {
                return Err(Problem::Zip { offset: order.start, what: "a byte order that is not known".into() });
            }
        }
    }

    let Some(pickle) = archive.find(disk, &inside("data.pkl"))? else { return Err(foreign(&archive)) };
    if pickle.len > MAX_PICKLE {
        let what = format!("data.pkl with {} bytes", pickle.len);
        return Err(Problem::Limit { what, limit: format!("{MAX_PICKLE} bytes") });
    }
    let mut stream = Stream::new(disk, "data.pkl", pickle.start, pickle.start + pickle.len);
    let (graph, root) = pickle::read(&mut stream)?;

    let mut found: HashMap<Arc<str>, Span> = HashMap::new();
    value::tree(&graph, root, &mut |storage: &Storage| {
        if let Some(&span) = found.get(&storage.key) {
            return Ok(span);
        }
        let name = inside(&format!("data/{}", storage.key));
        let span = archive.find(disk, &name)?.ok_or_else(|| {
            Problem::tensor(format!("its storage `data/{}` is not in the archive", shortened(&storage.key)))
        })?;
        found.insert(Arc::clone(&storage.key), span);
        Ok(span)
    })
}

/// The folder in which everything of the archive lies, with its slash: the name the file had when it was saved.
fn folder(archive: &Archive) -> Result<&[u8], Problem> {
    let mut folders = archive
        .names()
        .filter_map(|name| name.strip_suffix(b"data.pkl"))
        .filter(|folder| folder.is_empty() || folder.ends_with(b"/"));
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err(foreign(archive)),
        (Some(_), Some(_)) => {
            Err(Problem::Entry { entry: "data.pkl".into(), what: "stands in several of its folders" })
        }
    }
}

fn foreign(archive: &Archive) -> Problem {
    let holds = |ending: &str| archive.names().any(|name| name.ends_with(ending.as_bytes()));
    let (looks, advice) = if holds(".pth") || holds(".pt") || holds(".safetensors") {
        ("a zip archive around a file of weights", "unpack it first")
    } else if holds(".npy") {
        ("a NumPy archive (.npz)", "save the weights as .safetensors")
    } else {
        ("a zip archive without data.pkl", "give a file written by torch.save")
    };
    Problem::Foreign { looks: looks.into(), advice }
}
