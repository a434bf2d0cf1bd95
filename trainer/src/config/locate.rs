//! Where a key stands in a run file's text, and which key stands somewhere.

use toml::de::{DeTable, DeValue};

/// The line, from 1, of an offset in bytes.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// The line of a key, such as `window.size`.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
        if parts.peek().is_none() {
            return Some(line(text, name.span().start));
        }
        let DeValue::Table(below) = value.get_ref() else { return None };
        table = below;
    }
    None
}

/// The key whose value stands at an offset; or the table, where its name stands there.
pub(super) fn key_at(text: &str, offset: usize) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    below(document.get_ref(), offset, "").or_else(|| header(text, offset))
}

fn below(table: &DeTable<'_>, offset: usize, prefix: &str) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let full = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            // What a table's span is depends on how it is written, so its keys are asked first.
            DeValue::Table(inner) => below(inner, offset, &format!("{full}.")),
            _ => value.span().contains(&offset).then_some(full),
        }
    })
}

/// The name between brackets.
fn header(text: &str, offset: usize) -> Option<String> {
    let name = text.get(offset..)?.strip_prefix('[')?.split(']').next()?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed = 0\n[a]\nb = { c = 1, d = [2, 3] }\n[a.e]\nf = \"x\"\n";

    #[test]
    fn a_key_has_a_line() {
        let lines = ["seed", "a.b", "a.b.d", "a.e", "a.e.f"].map(|key| line_of(TEXT, key));
        assert_eq!(lines, [1, 3, 3, 4, 5].map(Some));
        assert_eq!([line_of(TEXT, "a.g"), line_of(TEXT, "seed.b"), line_of("[", "a")], [None; 3]);
    }

    #[test]
    fn a_place_has_a_key() {
        let at = |piece: &str| key_at(TEXT, TEXT.find(piece).unwrap());
        assert_eq!(at("3]").as_deref(), Some("a.b.d"));
        assert_eq!(at("\"x\"").as_deref(), Some("a.e.f"));
        assert_eq!(at("[a.e]").as_deref(), Some("a.e"));
        assert_eq!(key_at(TEXT, TEXT.len() + 5), None);
    }
}
