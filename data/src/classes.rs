//! The classes of a data set and their order.
//!
//! A class is known to the model by its index only, so the order belongs to the weights: a run folder keeps its list,
//! and weights trained elsewhere need the list they were trained with. As text, a list is one label a line.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::annotation::Annotations;
use crate::nearest::{nearest, suggestion};

/// Labels in the order of their indices, each one once. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassList {
    labels: Vec<String>,
    places: HashMap<String, usize>,
}

/// A label that is not in the list.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{label}` is none of the {known} classes{}", suggestion(.nearest))]
pub struct UnknownLabel {
    /// The label asked for.
    pub label: String,
    /// The class that was probably meant.
    pub nearest: Option<String>,
    /// How many classes there are.
    pub known: usize,
}

/// Why a list of classes cannot be used. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: ListFault,
    },
    /// Labels given by the program cannot make a list.
    #[error(transparent)]
    Labels(#[from] ListFault),
}

/// What is wrong with a list of labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ListFault {
    /// Not a text at all.
    #[error("line {line} is not UTF-8 text")]
    NotText {
        /// The line.
        line: usize,
    },
    /// No label.
    #[error("no class; write one label a line")]
    Empty,
    /// A gap: all later classes would move by one if it were skipped.
    #[error("line {line} is empty, but labels follow; an index without label cannot be used")]
    EmptyLine {
        /// The line.
        line: usize,
    },
    /// The same label on two lines.
    #[error("line {line} repeats `{label}` of line {first}")]
    Duplicate {
        /// The label.
        label: String,
        /// Where it stands first.
        first: usize,
        /// Where it stands again.
        line: usize,
    },
    /// A label that a line cannot hold.
    #[error("label {label:?} of line {line} has a line break, a byte order mark, or white space at its end")]
    Unwritable {
        /// The label.
        label: String,
        /// The line.
        line: usize,
    },
}

impl ClassList {
    /// These labels in this order.
    pub fn new(labels: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ListFault> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        if labels.is_empty() {
            return Err(ListFault::Empty);
        }
        let mut places = HashMap::with_capacity(labels.len());
        for (index, label) in labels.iter().enumerate() {
            let line = index + 1;
            if label.is_empty() {
                return Err(ListFault::EmptyLine { line });
            }
            if label.trim_end() != label || label.starts_with('\u{feff}') || label.contains(['\n', '\r']) {
                return Err(ListFault::Unwritable { label: label.clone(), line });
            }
            if let Some(first) = places.insert(label.clone(), index) {
                return Err(ListFault::Duplicate { label: label.clone(), first: first + 1, line });
            }
        }
        Ok(Self { labels, places })
    }

    /// Every label of the annotations but the `ignored` ones, sorted.
    ///
    /// The order is that of the list OpenTAD makes when it finds none (datasets/base.py). Its lists made by hand are
    /// not always sorted, so weights trained there need the file they came with. `ignored` is for labels that mark
    /// what is no class, such as `Ambiguous` in THUMOS-14.
    pub fn from_annotations(annotations: &Annotations, ignored: &[&str]) -> Result<Self, ListFault> {
        let labels = annotations.labels().into_iter().filter(|label| !ignored.contains(label));
        // Trimmed as a file would be; sorted again because trimming can change the order.
        let labels: std::collections::BTreeSet<_> = labels.map(str::trim_end).collect();
        Self::new(labels)
    }

    /// Reads one label a line. A byte order mark, white space at the end of a line and empty lines at the end of the
    /// file are nothing; a duplicate or an empty line between labels is an error.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ClassError> {
        let path = path.as_ref();
        let bytes =
            crate::atomic::read(path).map_err(|source| ClassError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&bytes).map_err(|fault| ClassError::File { path: path.to_path_buf(), fault })
    }

    fn parse(bytes: &[u8]) -> Result<Self, ListFault> {
        let text = str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            ListFault::NotText { line: before.iter().filter(|&&byte| byte == b'\n').count() + 1 }
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
        if text.is_empty() { Err(ListFault::Empty) } else { Self::new(text.lines().map(str::trim_end)) }
    }

    /// Writes one label a line, whole or not at all.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ClassError> {
        let path = path.as_ref();
        crate::atomic::write(path, |out| self.labels.iter().try_for_each(|label| writeln!(out, "{label}")))
            .map_err(|source| ClassError::Write { path: path.to_path_buf(), source })
    }

    /// How many classes there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// All labels; a label's index is its class.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The label of a class.
    pub fn label(&self, class: usize) -> Option<&str> {
        self.labels.get(class).map(String::as_str)
    }

    /// Whether this is the label of a class.
    pub fn contains(&self, label: &str) -> bool {
        self.places.contains_key(label.trim_end())
    }

    /// The class of a label; white space at its end is ignored, as in a file.
    pub fn index(&self, label: &str) -> Result<usize, UnknownLabel> {
        self.places.get(label.trim_end()).copied().ok_or_else(|| UnknownLabel {
            label: label.to_string(),
            nearest: nearest(label, self.labels.iter().map(String::as_str)).map(String::from),
            known: self.labels.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotation::{Action, VideoEntry};
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<ClassList, ListFault> {
        ClassList::parse(text.as_bytes())
    }

    #[test]
    fn a_line_is_a_class_and_its_number_the_index() {
        let list = parse("\u{feff}Diving  \r\nBilliards\r\nHigh Jump\t\n\n \n").unwrap();
        assert_eq!(list.labels(), ["Diving", "Billiards", "High Jump"]);
        assert_eq!(list.index("Billiards"), Ok(1));
        assert_eq!(list.label(2), Some("High Jump"));
        assert_eq!(list.label(3), None);
    }

    #[test]
    fn a_list_with_gaps_or_repeats_is_refused_by_line() {
        assert_eq!(parse("a\n\nb\n"), Err(ListFault::EmptyLine { line: 2 }));
        assert_eq!(parse("a\nb\na \n"), Err(ListFault::Duplicate { label: "a".into(), first: 1, line: 3 }));
        assert_eq!(parse("\u{feff} \n"), Err(ListFault::Empty));
        assert_eq!(ClassList::parse(b"a\n\xff\n"), Err(ListFault::NotText { line: 2 }));
    }

    #[test]
    fn an_unknown_label_gets_the_nearest_class() {
        let list = parse("GolfSwing\nDiving\n").unwrap();
        let message = list.index("Golf Swing").unwrap_err().to_string();
        assert_eq!(message, "`Golf Swing` is none of the 2 classes; did you mean `GolfSwing`?");
    }

    #[test]
    fn the_labels_of_annotations_make_a_sorted_list() {
        let action = |label: &str| Action { label: label.into(), start: 0.0, end: 1.0 };
        let actions = ["b", "Ambiguous", "a", "b", "C"].map(action).to_vec();
        let video =
            VideoEntry { name: "v".into(), subset: "s".into(), duration: 1.0, frames: None, fps: None, actions };
        let annotations = Annotations::new(vec![video]).unwrap();
        let list = ClassList::from_annotations(&annotations, &["Ambiguous"]).unwrap();
        assert_eq!(list.labels(), ["C", "a", "b"]);
    }

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        std::fs::write(&path, "a\na\n").unwrap();
        let message = ClassList::load(&path).unwrap_err().to_string();
        assert_eq!(message, format!("{}: line 2 repeats `a` of line 1", path.display()));
        assert!(matches!(ClassList::load(folder.path()), Err(ClassError::Read { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn what_is_saved_is_loaded_again(labels in proptest::collection::hash_set(".{0,10}", 1..8)) {
            if let Ok(list) = ClassList::new(labels) {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("classes.txt");
                list.save(&path).unwrap();
                prop_assert_eq!(ClassList::load(&path).unwrap(), list);
            }
        }
    }
}
