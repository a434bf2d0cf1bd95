//! What a file that holds no weights looks like, so that its owner can tell how it came here.

use super::error::{Problem, shortened};

const AGAIN: &str = "download the file itself again";
const CONVERT: &str = "convert it to .safetensors or .pth with the program that wrote it";
const UNPACK: &str = "unpack it first";

/// Beginnings of files: offset, bytes, what it is, what to do.
const MAGICS: &[(usize, &[u8], &str, &str)] = &[
    (0, b"version https://git-lfs", "a Git LFS pointer", "fetch the content with `git lfs pull`"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5, Keras)", CONVERT),
    (0, b"\x93NUMPY", "a NumPy array (.npy)", "save the weights as .safetensors"),
    (0, b"GGUF", "a GGUF file", CONVERT),
    (4, b"TFL3", "a TensorFlow Lite model", CONVERT),
    (0, b"\x1f\x8b", "a gzip archive", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!", "a rar archive", UNPACK),
    (0, b"%PDF", "a PDF document", "give a .pth or .safetensors file"),
    (4, b"ftyp", "a video", "give a .pth or .safetensors file"),
    (0, b"\x89PNG", "a picture", "give a .pth or .safetensors file"),
    (0, b"\xff\xd8\xff", "a picture", "give a .pth or .safetensors file"),
    // First field of the message: the version, a small number; then a text (ONNX) or a graph (TensorFlow).
    (0, b"\x08\x01\x12", "a TensorFlow SavedModel (.pb)", CONVERT),
    (
        257,
        b"ustar",
        "a tar archive, the form of .pth before PyTorch 0.1.10 or a packed folder",
        "unpack it, or load and save it again with any later PyTorch",
    ),
];

/// What a file with this beginning is. It is neither a zip archive, nor a pickle, nor safetensors.
pub(super) fn describe(head: &[u8], len: u64) -> Problem {
    let foreign = |looks: &str, advice| Problem::Foreign { looks: looks.into(), advice };
    for &(offset, bytes, looks, advice) in MAGICS {
        if head.get(offset..).is_some_and(|head| head.starts_with(bytes)) {
            return foreign(looks, advice);
        }
    }
    if let [0x08, 2..=0x20, 0x12, ..] = head {
        return foreign("an ONNX model", CONVERT);
    }

    // The last character may have been cut in two.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => "",
    };
    if !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let lower = start.get(..14).unwrap_or(start).to_ascii_lowercase();
        if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
            return foreign("a web page (HTML)", "the link led to a page: download the file itself");
        }
        if start.starts_with("<?xml") || start.starts_with('<') {
            return foreign("an XML text, perhaps the message of a server", AGAIN);
        }
        if start.starts_with('{') || start.starts_with('[') {
            return foreign(
                "a JSON text, perhaps the index of weights in several files",
                "give the file it belongs to",
            );
        }
        let first: String = start.lines().next().unwrap_or_default().chars().take(60).collect();
        let first = shortened(&first);
        return Problem::Foreign { looks: format!("a text that begins `{first}`"), advice: AGAIN };
    }
    let first = head[..head.len().min(8)].escape_ascii();
    Problem::Foreign {
        looks: format!("a file of {len} bytes that begins with `{first}`"),
        advice: "give a .pth or .safetensors file, or download it again",
    }
}
