//! XML as a stream of elements and texts.
//!
//! Entities that a document defines itself are refused: a few of them, nested, would grow to any size.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::error::{ContentError, Fault};

/// What comes next.
pub(crate) enum Node<'a> {
    Open(Element<'a>),
    Close(String),
    /// A piece of text; a text may come in several.
    Text(String),
}

/// The beginning of an element.
pub(crate) struct Element<'a> {
    start: BytesStart<'a>,
    pub(crate) line: usize,
}

/// A document, one node at a time.
pub(crate) struct Nodes<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    /// Lines are counted from here on, so that counting them all takes no longer than reading.
    counted: (usize, usize),
    depth: usize,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, text, counted: (0, 1), depth: 0 }
    }

    /// The next element or text; nothing at the end of the document.
    pub(crate) fn next_node(&mut self) -> Result<Option<Node<'a>>, ContentError> {
        loop {
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.syntax(error.to_string())),
            };
            match event {
                Event::Start(start) => {
                    self.depth += 1;
                    return Ok(Some(Node::Open(Element { start, line: self.line() })));
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Node::Close(end.name().as_ref().to_owned())));
                }
                Event::Text(text) => return Ok(Some(Node::Text(text.into_inner().into_owned()))),
                Event::CData(text) => return Ok(Some(Node::Text(text.into_inner().into_owned()))),
                Event::GeneralRef(name) => match unescape(&format!("&{};", &*name)) {
                    Ok(text) => return Ok(Some(Node::Text(text.into_owned()))),
                    Err(error) => return Err(self.syntax(error.to_string())),
                },
                Event::DocType(_) => {
                    return Err(self.syntax("a document type, which could define entities; remove it".into()));
                }
                Event::Eof if self.depth > 0 => return Err(self.syntax("the document ends too early".into())),
                Event::Eof => return Ok(None),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    /// The line that has been read up to.
    pub(crate) fn line(&mut self) -> usize {
        let (place, line) = self.counted;
        let here = (self.reader.buffer_position() as usize).clamp(place, self.text.len());
        let more = self.text.as_bytes()[place..here].iter().filter(|&&byte| byte == b'\n').count();
        self.counted = (here, line + more);
        line + more
    }

    fn syntax(&mut self, message: String) -> ContentError {
        Fault::Syntax(message).line(self.line())
    }
}

impl Element<'_> {
    pub(crate) fn name(&self) -> &str {
        self.start.name().into_inner()
    }

    /// The value of an attribute, whatever the letter case of its name, if it is there.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, ContentError> {
        // Without the check for attributes that stand twice: it takes the square of their number.
        for attribute in self.start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| Fault::Syntax(error.to_string()).line(self.line))?;
            if attribute.key.as_ref().eq_ignore_ascii_case(name) {
                let value = unescape(&attribute.value).map(Cow::into_owned);
                return value.map(Some).map_err(|error| Fault::Syntax(error.to_string()).line(self.line));
            }
        }
        Ok(None)
    }

    /// The value of an attribute; it must be there.
    pub(crate) fn need(&self, name: &'static str) -> Result<String, ContentError> {
        self.get(name)?.ok_or_else(|| {
            let mut attributes = self.start.attributes();
            let names = attributes.with_checks(false).take(20).filter_map(Result::ok);
            let names: Vec<_> = names.map(|attribute| attribute.key.as_ref().to_owned()).collect();
            Fault::missing(name, names.iter().map(String::as_str)).line(self.line)
        })
    }
}

/// A text as content of an element or of an attribute. Characters that XML cannot hold are an error.
pub(crate) fn escaped(text: &str, format: &'static str) -> Result<String, ContentError> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\t' | '\n' | '\r' => out += &format!("&#{};", u32::from(c)),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let reason = "XML does not hold this character";
                return Err(Fault::Unwritable { text: text.into(), format, reason }.whole());
            }
            c => out.push(c),
        }
    }
    Ok(out)
}
