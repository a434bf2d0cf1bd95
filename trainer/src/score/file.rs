//! From a file to JSON that can be read.

use std::path::Path;

use super::ScoreError;

/// Reads a file with `parse`, which may be called twice: Python writes NaN and infinities as bare words and calls it
/// JSON. They are read as texts then, so that they can be told from a broken file, counted and named.
pub(super) fn read_json<T>(
    path: &Path,
    bytes: Vec<u8>,
    parse: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, ScoreError> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let first = match parse(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let Some(quoted) = quote_bare_words(text) else { return Err(ScoreError::json(path, &first)) };
    drop(bytes);
    parse(&quoted).map_err(|error| ScoreError::json(path, &error))
}

/// All bytes of a regular file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ScoreError> {
    let bytes = std::fs::metadata(path).and_then(|about| match about.is_file() {
        true => std::fs::read(path),
        // Pipes and devices may never end.
        false => Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file")),
    });
    bytes.map_err(|source| ScoreError::Read { path: path.into(), source })
}

/// The same with NaN and infinities in quotes; nothing if there are none.
pub(crate) fn quote_bare_words(text: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [(&[u8], &[u8]); 3] = [(b"NaN", b"\"NaN\""), (b"-Infinity", b"\"-inf\""), (b"Infinity", b"\"inf\"")];
    let mut quoted: Option<Vec<u8>> = None;
    let (mut copied, mut at, mut inside) = (0, 0, false);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => at += 1,
            b'N' | b'I' | b'-' if !inside => {
                if let Some((word, new)) = WORDS.iter().find(|(word, _)| text[at..].starts_with(word)) {
                    let quoted = quoted.get_or_insert_with(|| Vec::with_capacity(text.len() + 64));
                    quoted.extend_from_slice(&text[copied..at]);
                    quoted.extend_from_slice(new);
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    quoted.map(|mut quoted| {
        quoted.extend_from_slice(&text[copied..]);
        quoted
    })
}

#[cfg(test)]
mod tests {
    use super::quote_bare_words;

    #[test]
    fn bare_words_are_quoted_outside_of_texts_only() {
        let text = br#"{"NaN \" NaN": [NaN, -Infinity, Infinity, -1], "b\\": NaN}"#;
        let quoted = String::from_utf8(quote_bare_words(text).unwrap()).unwrap();
        assert_eq!(quoted, r#"{"NaN \" NaN": ["NaN", "-inf", "inf", -1], "b\\": "NaN"}"#);
        assert_eq!(quote_bare_words(br#"{"NaN": [-1, null]}"#), None);
        assert_eq!(quote_bare_words(b"\"\\"), None);
    }
}
