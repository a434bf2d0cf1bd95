//! What a pickle has built: values that refer to each other by number, so that sharing and cycles cost nothing.
//!
//! A Python pickle is a program that calls functions by name. Here a call is looked up in a short list of functions
//! that make containers and tensors, done by us; every other call becomes an [`Node::Object`] of its name.

use std::collections::HashMap;
use std::sync::Arc;

use super::tensor::{DType, MAX_DIMENSIONS};

/// Bytes of all names of classes and functions together.
const MAX_NAMES: usize = 16 << 20;

/// The number of a value in its [`Graph`].
pub(super) type Id = u32;

#[derive(Debug, Clone)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: two's complement, the lowest byte first.
    Long(Box<[u8]>),
    Float(f64),
    Text(Arc<str>),
    Bytes,
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its name with its module.
    Class(Arc<str>),
    /// What an unknown class or function of this name would have made.
    Object(Arc<str>),
    /// Index into [`Graph::storages`].
    Storage(u32),
    /// Index into [`Graph::tensors`].
    Tensor(u32),
}

/// The place of numbers, as a pickle names it.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) key: Arc<str>,
    pub(super) dtype: DType,
    /// Elements under this key.
    pub(super) elements: u64,
    /// First element and count, where this is only a part of what lies under the key.
    pub(super) view: Option<(u64, u64)>,
}

/// A tensor as the pickle describes it, nothing of it checked.
#[derive(Debug, Clone)]
pub(super) struct RawTensor {
    pub(super) storage: u32,
    pub(super) dtype: DType,
    pub(super) offset: i64,
    pub(super) shape: Id,
    pub(super) strides: Id,
}

/// All values of one pickle.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<RawTensor>,
    names: HashMap<String, Arc<str>>,
    name_bytes: usize,
}

impl Graph {
    pub(super) fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        (self.nodes.len() - 1) as Id
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// The elements of a list or tuple.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::List(items) | Node::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The integers of a list or tuple, which must be few.
    pub(super) fn integers(&self, id: Id) -> Option<Vec<i64>> {
        let items = self.items(id).filter(|items| items.len() <= MAX_DIMENSIONS)?;
        items.iter().map(|&item| self.integer(item)).collect()
    }

    fn integer(&self, id: Id) -> Option<i64> {
        match self.node(id) {
            Node::Int(number) => Some(*number),
            _ => None,
        }
    }

    fn natural(&self, id: Id) -> Option<u64> {
        self.integer(id).and_then(|number| u64::try_from(number).ok())
    }

    pub(super) fn text(&self, id: Id) -> Option<&Arc<str>> {
        match self.node(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    fn class(&self, id: Id) -> Option<&Arc<str>> {
        match self.node(id) {
            Node::Class(name) => Some(name),
            _ => None,
        }
    }

    /// The class or function of this name; names are kept once, however often they are used.
    pub(super) fn named(&mut self, module: &str, name: &str) -> Result<Id, String> {
        let full = format!("{module}.{name}");
        let shared = match self.names.get(&full) {
            Some(shared) => Arc::clone(shared),
            None => {
                self.name_bytes += full.len();
                if self.name_bytes > MAX_NAMES {
                    return Err(format!("names of classes beyond {MAX_NAMES} bytes"));
                }
                let shared: Arc<str> = full.as_str().into();
                self.names.insert(full, Arc::clone(&shared));
                shared
            }
        };
        Ok(self.add(Node::Class(shared)))
    }

    /// What calling a function or class makes. The second number is the count of values that had to be copied.
    pub(super) fn call(&mut self, function: Id, arguments: Id) -> Result<(Id, usize), String> {
        let Some(name) = self.class(function).cloned() else {
            // A function that an earlier call returned: unknown, as that call was not made.
            return Ok((self.add(Node::Object("unknown".into())), 0));
        };
        let arguments = self.items(arguments).ok_or("a call whose arguments are no tuple")?;
        let first = arguments.first().copied();
        let made = match &*name {
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3" => {
                let arguments = arguments.to_vec();
                self.tensor(&arguments, name.ends_with("v3"))?
            }
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                return Ok((first.ok_or("a parameter without data")?, 0));
            }
            // A tensor with attributes: (function, type, arguments of the function, attributes).
            "torch._tensor._rebuild_from_type_v2" => match *arguments {
                [inner, _, arguments, ..] if self.class(inner).is_some_and(|inner| *inner != name) => {
                    return self.call(inner, arguments);
                }
                _ => Node::Object(name),
            },
            "torch.Size" | "builtins.tuple" | "__builtin__.tuple" => match first {
                Some(inner) if self.items(inner).is_some() => return Ok((inner, 0)),
                _ => Node::Tuple(Vec::new()),
            },
            "builtins.dict" | "__builtin__.dict" | "collections.OrderedDict" | "collections.defaultdict" => {
                let pairs = first.and_then(|pairs| self.items(pairs)).unwrap_or_default();
                let pairs: Option<Vec<(Id, Id)>> = pairs
                    .iter()
                    .map(|&pair| match self.items(pair) {
                        Some(&[key, value]) => Some((key, value)),
                        _ => None,
                    })
                    .collect();
                let pairs = pairs.ok_or("an item of a dict that is not a pair")?;
                let copied = pairs.len();
                return Ok((self.add(Node::Dict(pairs)), copied));
            }
            "_codecs.encode" => Node::Bytes,
            "copyreg._reconstructor" | "copy_reg._reconstructor" => {
                Node::Object(first.and_then(|class| self.class(class)).cloned().unwrap_or(name))
            }
            _ => Node::Object(name),
        };
        Ok((self.add(made), 0))
    }

    /// `(storage, offset, shape, strides, ..)`, in the third version with the type of the elements at the end.
    fn tensor(&mut self, arguments: &[Id], typed: bool) -> Result<Node, String> {
        let &[storage, offset, shape, strides, ..] = arguments else {
            return Err("a tensor described by fewer than four values".into());
        };
        let storage = match self.node(storage) {
            Node::Storage(index) => *index,
            // Numbers of a type we do not know.
            Node::Object(class) => return Ok(Node::Object(Arc::clone(class))),
            _ => return Err("a tensor without a storage".into()),
        };
        let mut dtype = self.storages[storage as usize].dtype;
        if typed {
            let class = arguments.get(6).and_then(|&dtype| self.class(dtype)).ok_or("a tensor without its type")?;
            match class.strip_prefix("torch.").and_then(DType::of_torch) {
                Some(known) => dtype = known,
                None => return Ok(Node::Object(Arc::clone(class))),
            }
        }
        let offset = self.integer(offset).ok_or("the offset of a tensor is not a number")?;
        self.tensors.push(RawTensor { storage, dtype, offset, shape, strides });
        Ok(Node::Tensor((self.tensors.len() - 1) as u32))
    }

    /// What torch.save keeps outside of the pickle: storages, and in old files the source of modules.
    pub(super) fn persistent(&mut self, id: Id) -> Result<Id, String> {
        let parts = self.items(id).ok_or("a persistent id that is no tuple")?;
        match (parts.first().and_then(|&kind| self.text(kind)).map(|kind| &**kind), parts) {
            (Some("module"), &[_, class, ..]) => Ok(class),
            (Some("storage"), &[_, class, key, _device, elements, ref view @ ..]) => {
                let class = self.class(class).ok_or("a storage without a class")?;
                let Some(dtype) = DType::of_storage(class.rsplit('.').next().unwrap_or_default()) else {
                    let class = Arc::clone(class);
                    return Ok(self.add(Node::Object(class)));
                };
                let key = Arc::clone(self.text(key).ok_or("a storage whose key is no text")?);
                let elements = self.natural(elements).ok_or("a storage whose size is no number")?;
                let view = match view.first().map(|&view| self.node(view)) {
                    None | Some(Node::None) => None,
                    Some(Node::Tuple(view)) => match **view {
                        [_key, offset, size] => {
                            Some(self.natural(offset).zip(self.natural(size)).ok_or("a bad view of a storage")?)
                        }
                        _ => return Err("a bad view of a storage".into()),
                    },
                    Some(_) => return Err("a bad view of a storage".into()),
                };
                self.storages.push(Storage { key, dtype, elements, view });
                let storage = Node::Storage((self.storages.len() - 1) as u32);
                Ok(self.add(storage))
            }
            _ => Err("a persistent id that is neither a storage nor a module".into()),
        }
    }
}
