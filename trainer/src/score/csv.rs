//! Tables in text files (RFC 4180): commas, quotes, a header.

/// A table with a header.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<String>,
    /// Each row with the line on which it begins, counted from 1.
    pub(super) rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// Reads a text; a byte order mark and empty lines are nothing.
    pub(super) fn parse(text: &str) -> Self {
        let mut records = records(text.strip_prefix('\u{feff}').unwrap_or(text)).into_iter();
        let header = records.next().map(|(_, header)| header).unwrap_or_default();
        Self { header: header.iter().map(|name| name.trim().to_owned()).collect(), rows: records.collect() }
    }

    /// Place of the first of these columns that there is.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|header| header == name))
    }

    /// The names of all columns.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }
}

fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let (mut records, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                line += 1;
                finish(&mut records, &mut fields, &mut field, begun);
                begun = line;
            }
            other => {
                line += usize::from(other == '\n');
                field.push(other);
            }
        }
    }
    finish(&mut records, &mut fields, &mut field, begun);
    records
}

fn finish(records: &mut Vec<(usize, Vec<String>)>, fields: &mut Vec<String>, field: &mut String, begun: usize) {
    if !fields.is_empty() || !field.is_empty() {
        fields.push(std::mem::take(field));
        records.push((begun, std::mem::take(fields)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_quotes_and_line_ends() {
        let table = Table::parse("\u{feff}a,b\r\n\"x, \"\"y\"\"\nz\",2\r\n\n,\n");
        assert_eq!(table.header(), ["a", "b"]);
        assert_eq!(table.rows[0], (2, vec!["x, \"y\"\nz".to_owned(), "2".to_owned()]));
        assert_eq!(table.rows[1], (5, vec![String::new(), String::new()]));
        assert_eq!((table.column(&["c", "b"]), table.column(&["c"])), (Some(1), None));
        assert!(Table::parse("").rows.is_empty());
    }
}
