//! Tables as text: values between commas, tabs or semicolons, a row a line.
//!
//! Quoted values may hold the separator, line ends and, doubled, quotes (RFC 4180). Rows are handed out one at a time.

use super::error::{ContentError, Fault};

/// The rows of a table. A byte order mark and lines without any value are left out.
#[derive(Debug, Clone)]
pub(crate) struct Rows<'a> {
    rest: &'a str,
    separator: char,
    line: usize,
}

/// A row and the line it begins in, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) line: usize,
    values: Vec<String>,
}

impl<'a> Rows<'a> {
    /// With the separator that stands most often in the first lines.
    pub(crate) fn new(text: &'a str) -> Self {
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        let head = rest.lines().take(20);
        let count = |separator: char| head.clone().map(|line| line.matches(separator).count()).sum::<usize>();
        let separator = [',', '\t', ';'].into_iter().rev().max_by_key(|&separator| count(separator)).unwrap_or(',');
        Self { rest, separator, line: 1 }
    }

    /// The next row that holds a value.
    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, ContentError> {
        while !self.rest.is_empty() {
            let row = self.row()?;
            if row.values.iter().any(|value| !value.trim().is_empty()) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn row(&mut self) -> Result<Row, ContentError> {
        let mut row = Row { line: self.line, values: Vec::new() };
        loop {
            row.values.push(self.value()?);
            let Some(mark) = self.rest.chars().next() else { return Ok(row) };
            self.rest = &self.rest[mark.len_utf8()..];
            if mark == '\r' && self.rest.starts_with('\n') {
                self.rest = &self.rest[1..];
            }
            if mark != self.separator {
                self.line += 1;
                return Ok(row);
            }
        }
    }

    /// Up to the separator or line end, which stays.
    fn value(&mut self) -> Result<String, ContentError> {
        let ends = |c: char| c == self.separator || c == '\n' || c == '\r';
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find(ends).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(value.to_owned());
        };
        let begun = self.line;
        let mut value = String::new();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                return Err(Fault::Syntax("a quoted value has no end".into()).line(begun));
            };
            value += part;
            self.line += part.matches('\n').count();
            rest = after;
            match rest.strip_prefix('"') {
                Some(after) => {
                    value.push('"');
                    rest = after;
                }
                None if rest.is_empty() || rest.starts_with(ends) => break,
                None => return Err(Fault::Syntax("text follows a quoted value".into()).line(self.line)),
            }
        }
        self.rest = rest;
        Ok(value)
    }
}

impl Row {
    pub(crate) fn value(&self, column: usize) -> Option<&str> {
        self.values.get(column).map(String::as_str)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }
}

/// The columns of a table by name.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    names: Vec<String>,
}

impl Header {
    /// Names of columns; white space around them is none of them.
    pub(crate) fn new(row: &Row) -> Self {
        Self { names: row.values().map(|name| name.trim().to_owned()).collect() }
    }

    /// Where the first of these names stands, whatever its letter case.
    pub(crate) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.names.iter().position(|found| found.eq_ignore_ascii_case(name)))
    }

    pub(crate) fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.find(&[name]).is_some())
    }

    /// Where it stands; it must.
    pub(crate) fn place(&self, name: &'static str) -> Result<usize, Fault> {
        self.find(&[name]).ok_or_else(|| Fault::missing(name, self.names.iter().map(String::as_str)))
    }
}

/// A value of a row; it must be there.
pub(crate) fn cell<'a>(row: &'a Row, column: usize, field: &'static str) -> Result<&'a str, ContentError> {
    row.value(column).ok_or_else(|| {
        let held = row.values.len();
        Fault::Syntax(format!("the row ends after {held} values, before `{field}`")).line(row.line)
    })
}

/// A finite number of a row.
pub(crate) fn number(row: &Row, column: usize, field: &'static str) -> Result<f64, ContentError> {
    let text = cell(row, column, field)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Fault::value(field, text, "a number").line(row.line))
}

/// A time of a row in seconds: a number, or a clock.
pub(crate) fn time(row: &Row, column: usize, field: &'static str) -> Result<f64, ContentError> {
    let text = cell(row, column, field)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    let wanted = "a time in seconds, or as 00:00:00.000";
    number.or_else(|| super::clock::seconds(text)).ok_or_else(|| Fault::value(field, text, wanted).line(row.line))
}

/// Quoted where it would be read as more than one value.
pub(crate) fn quoted(text: &str) -> String {
    let outer = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    match outer || text.contains([',', ';', '\t', '"', '\n', '\r']) || text.is_empty() {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, ContentError> {
        let mut rows = Rows::new(text);
        let mut all = Vec::new();
        while let Some(row) = rows.next_row()? {
            all.push((row.line, row.values));
        }
        Ok(all)
    }

    #[test]
    fn quotes_hold_separators_line_ends_and_quotes() {
        let text = "\u{feff}a,b\r\n\"x, y\",\"1\n2\"\n\n\"say \"\"hi\"\"\",\n";
        let expected = [(1, vec!["a", "b"]), (2, vec!["x, y", "1\n2"]), (5, vec!["say \"hi\"", ""])];
        let expected: Vec<_> =
            expected.into_iter().map(|(line, row)| (line, row.into_iter().map(String::from).collect())).collect();
        assert_eq!(rows(text).unwrap(), expected);
    }

    #[test]
    fn the_separator_is_the_most_frequent_mark() {
        assert_eq!(rows("a;b;c\n1,5;2;3").unwrap()[1].1, ["1,5", "2", "3"]);
        assert_eq!(rows("a\tb").unwrap()[0].1, ["a", "b"]);
        assert_eq!(rows("alone").unwrap()[0].1, ["alone"]);
    }

    #[test]
    fn a_quote_without_end_is_named_by_its_line() {
        assert_eq!(rows("a,b\n1,\"2\n3").unwrap_err().to_string(), "line 2: a quoted value has no end");
        assert_eq!(rows("a,b\n\"1\"x,2").unwrap_err().to_string(), "line 2: text follows a quoted value");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        let mut rows = Rows::new("start\n1.5x\n00:01.5\nnan\n");
        let header = Header::new(&rows.next_row().unwrap().unwrap());
        assert_eq!(header.place("strat").unwrap_err().to_string(), "no `strat`, only [start]; did you mean `start`?");
        let mut next = || rows.next_row().unwrap().unwrap();
        let message = time(&next(), 0, "start").unwrap_err().to_string();
        assert_eq!(message, "line 2: `start` is \"1.5x\"; it must be a time in seconds, or as 00:00:00.000");
        assert_eq!(time(&next(), 0, "start"), Ok(1.5));
        assert!(time(&next(), 0, "start").is_err());
    }
}
