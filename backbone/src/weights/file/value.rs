//! The tree a file of weights holds.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::{Problem, shortened};
use super::graph::{Graph, Id, Node, Storage};
use super::tensor::{Span, TensorInfo};

/// Levels of nesting. Configurations in checkpoints have about 10.
pub const MAX_DEPTH: usize = 128;

/// Values of a file, those that stand in several places counted in each.
pub const MAX_VALUES: usize = 1 << 20;

/// A value of the tree. Values are plain data: nothing of the file was executed to make them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// Bytes, whose content is not kept.
    Bytes,
    /// A list.
    List(Vec<Value>),
    /// A tuple, or a `torch.Size`.
    Tuple(Vec<Value>),
    /// A dict of any class, in the order of the file. No two keys are the same text.
    Dict(Vec<(Value, Value)>),
    /// A tensor or parameter.
    Tensor(Arc<TensorInfo>),
    /// Anything else. Its content is not kept.
    Object {
        /// Its class or the function that makes it, such as `argparse.Namespace`; `int` for an integer beyond 64 bits.
        class: Arc<str>,
    },
}

impl Value {
    /// The value of a key, if this is a dict that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Dict(pairs) = self else { return None };
        pairs.iter().find(|(found, _)| found.text() == Some(key)).map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The tensor, if this is one.
    pub fn tensor(&self) -> Option<&TensorInfo> {
        match self {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }
}

/// Spells a graph out as a tree and checks each tensor. `locate` finds a storage's numbers in the file.
pub(super) fn tree(
    graph: &Graph,
    root: Id,
    locate: &mut dyn FnMut(&Storage) -> Result<Span, Problem>,
) -> Result<Value, Problem> {
    let tensors = vec![None; graph.tensors.len()];
    Tree { graph, locate, tensors, values: 0 }.value(root, 0)
}

struct Tree<'a> {
    graph: &'a Graph,
    locate: &'a mut dyn FnMut(&Storage) -> Result<Span, Problem>,
    /// Tensors that were met before.
    tensors: Vec<Option<Arc<TensorInfo>>>,
    values: usize,
}

impl Tree<'_> {
    fn value(&mut self, id: Id, depth: usize) -> Result<Value, Problem> {
        // A value that contains itself ends here, too.
        if depth > MAX_DEPTH {
            let what = "the depth of nested values".into();
            return Err(Problem::Limit { what, limit: format!("{MAX_DEPTH} levels") });
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            let what = "the number of values, with those used twice counted twice,".into();
            return Err(Problem::Limit { what, limit: MAX_VALUES.to_string() });
        }
        Ok(match self.graph.node(id) {
            Node::None => Value::None,
            Node::Bool(bool) => Value::Bool(*bool),
            Node::Int(int) => Value::Int(*int),
            Node::Long(_) => Value::Object { class: "int".into() },
            Node::Float(float) => Value::Float(*float),
            Node::Text(text) => Value::Text(Arc::clone(text)),
            Node::Bytes => Value::Bytes,
            Node::List(items) => Value::List(self.values(items, depth)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth)?),
            Node::Dict(pairs) => Value::Dict(self.pairs(pairs, depth)?),
            Node::Class(class) | Node::Object(class) => Value::Object { class: Arc::clone(class) },
            Node::Storage(_) => Value::Object { class: "torch.Storage".into() },
            Node::Tensor(index) => Value::Tensor(self.tensor(*index as usize)?),
        })
    }

    fn values(&mut self, items: &[Id], depth: usize) -> Result<Vec<Value>, Problem> {
        let mut values = Vec::with_capacity(items.len());
        for (index, &item) in items.iter().enumerate() {
            values.push(self.value(item, depth + 1).map_err(|problem| problem.inside(&index.to_string()))?);
        }
        Ok(values)
    }

    fn pairs(&mut self, pairs: &[(Id, Id)], depth: usize) -> Result<Vec<(Value, Value)>, Problem> {
        // Longer keys are no names of tensors, and too many of them would take too long to compare.
        const LONGEST_COMPARED: usize = 1024;
        let mut seen = HashSet::new();
        let mut values = Vec::with_capacity(pairs.len());
        for &(key, value) in pairs {
            let key = self.value(key, depth + 1)?;
            let inside = |problem: Problem| match &key {
                Value::Text(text) => problem.inside(text),
                Value::Int(number) => problem.inside(&number.to_string()),
                _ => problem.inside("?"),
            };
            if pairs.len() > 1
                && let Value::Text(text) = &key
                && text.len() <= LONGEST_COMPARED
                && !seen.insert(Arc::clone(text))
            {
                return Err(inside(Problem::tensor("the name stands twice in its dict")));
            }
            let value = self.value(value, depth + 1).map_err(inside)?;
            values.push((key, value));
        }
        Ok(values)
    }

    fn tensor(&mut self, index: usize) -> Result<Arc<TensorInfo>, Problem> {
        if let Some(known) = &self.tensors[index] {
            return Ok(Arc::clone(known));
        }
        let raw = &self.graph.tensors[index];
        let storage = &self.graph.storages[raw.storage as usize];
        let (Some(shape), Some(strides)) = (self.graph.integers(raw.shape), self.graph.integers(raw.strides)) else {
            return Err(Problem::tensor("its shape or strides are not a short list of integers"));
        };
        let whole = (self.locate)(storage)?;
        let span = part(storage, whole).ok_or_else(|| {
            let Storage { key, elements, view, .. } = storage;
            let view = view.map(|(first, count)| format!(", of which {count} from {first} are used"));
            Problem::tensor(format!(
                "its storage `{}` claims {elements} elements{}, the file holds {} bytes of it",
                shortened(key),
                view.unwrap_or_default(),
                whole.len
            ))
        })?;
        let tensor = Arc::new(TensorInfo::new(raw.dtype, &shape, &strides, raw.offset, span)?);
        self.tensors[index] = Some(Arc::clone(&tensor));
        Ok(tensor)
    }
}

/// The bytes a storage claims, if they are all there.
fn part(storage: &Storage, whole: Span) -> Option<Span> {
    let size = storage.dtype.size() as u64;
    let (first, count) = storage.view.unwrap_or((0, storage.elements));
    let fits = first.checked_add(count)? <= storage.elements && storage.elements.checked_mul(size)? <= whole.len;
    fits.then(|| Span { start: whole.start + first * size, len: count * size })
}
