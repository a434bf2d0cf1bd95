//! Reading a pickle of protocol 2 to 5 into a [`Graph`], executing nothing.
//!
//! A pickle is a program for a small stack machine. Its opcodes are documented in Python's `pickletools` module.
//! The number of opcodes is capped, and each may add but one value, so that memory is bounded by that cap and by the
//! bytes of the texts, which values share.

use std::collections::HashMap;

use super::disk::{MAX_PICKLE, Stream};
use super::error::Problem;
use super::graph::{Graph, Id, Node};

/// Steps of a pickle. A training checkpoint takes about 100 for each parameter.
pub const MAX_STEPS: usize = 1 << 20;

/// Reads one pickle up to its end; the stream may go on behind it.
pub(super) fn read(stream: &mut Stream) -> Result<(Graph, Id), Problem> {
    let start = stream.position();
    let mut machine = Machine {
        stream,
        graph: Graph::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        steps: 0,
        start,
    };
    let root = machine.run()?;
    Ok((machine.graph, root))
}

struct Machine<'s, 'd> {
    stream: &'s mut Stream<'d>,
    graph: Graph,
    stack: Vec<Id>,
    /// Heights of the stack where lists of arguments began.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    steps: usize,
    start: u64,
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<Id, Problem> {
        loop {
            let opcode = self.stream.byte()?;
            self.spend(1)?;
            if self.stream.position() - self.start > MAX_PICKLE {
                return Err(limit("a pickle", format!("{MAX_PICKLE} bytes")));
            }
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let version = self.stream.byte()?;
                    if !(2..=5).contains(&version) {
                        return Err(self.fault(format!("pickle protocol {version} is not known")));
                    }
                }
                0x95 => self.stream.skip(8)?, // a frame says where to read ahead
                _ => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Problem> {
        match opcode {
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'J' => self.int(4),
            b'K' => self.int(1),
            b'M' => self.int(2),
            0x8a => self.long(1),
            0x8b => self.long(4),
            b'G' => {
                let float = f64::from_be_bytes(self.stream.array()?);
                self.push(Node::Float(float))
            }
            // In Python 2, names were of the type that Python 3 takes for bytes.
            b'U' | 0x8c => self.text(1),
            b'T' | b'X' => self.text(4),
            0x8d => self.text(8),
            b'C' => self.bytes(1),
            b'B' => self.bytes(4),
            0x8e | 0x96 => self.bytes(8),

            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => match self.marks.last() {
                // What is popped may be a mark.
                Some(&mark) if mark == self.stack.len() => self.marks.pop().map(drop).ok_or_else(|| self.underflow()),
                _ => self.pop().map(drop),
            },
            b'1' => self.pop_to_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }

            b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            0x8f => self.class("builtins", "set"), // sets are known by their class, without their members
            b'l' => self.pop_to_mark().and_then(|items| self.push(Node::List(items))),
            b't' => self.pop_to_mark().and_then(|items| self.push(Node::Tuple(items))),
            b'd' => {
                let items = self.pop_to_mark()?;
                let pairs = self.pairs(&items)?;
                self.push(Node::Dict(pairs))
            }
            0x85..=0x87 => {
                let height = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                let height = height.filter(|&height| height >= self.floor()).ok_or_else(|| self.underflow())?;
                let items = self.stack.split_off(height);
                self.push(Node::Tuple(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' => self.pop_to_mark().and_then(|items| self.append(&items)),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[(key, value)])
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                let pairs = self.pairs(&items)?;
                self.set_items(&pairs)
            }
            0x90 => self.pop_to_mark().map(drop),
            0x91 => self.pop_to_mark().and_then(|_| self.class("builtins", "frozenset")),

            b'h' => self.stream.byte().and_then(|index| self.get(index.into())),
            b'j' => self.stream.array().and_then(|index| self.get(u32::from_le_bytes(index))),
            b'q' => self.stream.byte().and_then(|index| self.put(index.into())),
            b'r' => self.stream.array().and_then(|index| self.put(u32::from_le_bytes(index))),
            0x94 => self.put(self.memo.len() as u32),

            b'c' => {
                let (module, name) = (self.stream.line()?, self.stream.line()?);
                self.class(&String::from_utf8_lossy(&module), &String::from_utf8_lossy(&name))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.graph.text(module), self.graph.text(name)) else {
                    return Err(self.fault("a class whose name is no text"));
                };
                if module.len() + name.len() > 2048 {
                    return Err(self.fault("the name of a class has more than 2048 bytes"));
                }
                let (module, name) = (module.clone(), name.clone());
                self.class(&module, &name)
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)
            }
            0x92 => {
                let (_by_name, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, arguments)
            }
            b'b' => {
                // The attributes of an object: nothing we use lies there.
                self.pop()?;
                self.top().map(drop)
            }
            b'Q' => {
                let id = self.pop()?;
                let found = self.graph.persistent(id).map_err(|what| self.fault(what))?;
                self.stack.push(found);
                Ok(())
            }
            _ => Err(self.fault(format!("opcode {opcode:#04x}, which torch.save never writes"))),
        }
    }

    fn int(&mut self, bytes: u64) -> Result<(), Problem> {
        let bytes = self.stream.take(bytes)?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(&bytes);
        let mut number = i64::from_le_bytes(word);
        if bytes.len() == 4 {
            number = i64::from(number as i32); // only the widest form has a sign
        }
        self.push(Node::Int(number))
    }

    fn long(&mut self, width: u64) -> Result<(), Problem> {
        let count = self.length(width)?;
        let bytes = self.stream.take(count)?;
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let number = if bytes.len() <= 8 {
            let mut word = [if negative { 0xff } else { 0 }; 8];
            word[..bytes.len()].copy_from_slice(&bytes);
            Node::Int(i64::from_le_bytes(word))
        } else {
            Node::Long(bytes.into())
        };
        self.push(number)
    }

    fn length(&mut self, width: u64) -> Result<u64, Problem> {
        let bytes = self.stream.take(width)?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(&bytes);
        Ok(u64::from_le_bytes(word))
    }

    fn text(&mut self, width: u64) -> Result<(), Problem> {
        let count = self.length(width)?;
        let node = match String::from_utf8(self.stream.take(count)?) {
            Ok(text) => Node::Text(text.into()),
            Err(_) => Node::Bytes,
        };
        self.push(node)
    }

    fn bytes(&mut self, width: u64) -> Result<(), Problem> {
        let count = self.length(width)?;
        self.stream.skip(count)?;
        self.push(Node::Bytes)
    }

    fn append(&mut self, items: &[Id]) -> Result<(), Problem> {
        let list = self.top()?;
        match self.graph.node_mut(list) {
            Node::List(list) => list.extend_from_slice(items),
            // A class of its own that behaves as a list.
            node @ Node::Object(_) => *node = Node::List(items.to_vec()),
            _ => return Err(self.fault("items are added to what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, pairs: &[(Id, Id)]) -> Result<(), Problem> {
        let dict = self.top()?;
        match self.graph.node_mut(dict) {
            Node::Dict(dict) => dict.extend_from_slice(pairs),
            // A class of its own that behaves as a dict.
            node @ Node::Object(_) => *node = Node::Dict(pairs.to_vec()),
            _ => return Err(self.fault("items are set in what is no dict")),
        }
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, Problem> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.fault("a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn class(&mut self, module: &str, name: &str) -> Result<(), Problem> {
        let class = self.graph.named(module, name).map_err(|what| self.fault(what))?;
        self.stack.push(class);
        Ok(())
    }

    fn call(&mut self, function: Id, arguments: Id) -> Result<(), Problem> {
        let (made, copied) = self.graph.call(function, arguments).map_err(|what| self.fault(what))?;
        self.stack.push(made);
        self.spend(copied)
    }

    fn get(&mut self, index: u32) -> Result<(), Problem> {
        let Some(&id) = self.memo.get(&index) else {
            return Err(self.fault(format!("memo {index} is read before it is written")));
        };
        self.stack.push(id);
        Ok(())
    }

    fn put(&mut self, index: u32) -> Result<(), Problem> {
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), Problem> {
        let id = self.graph.add(node);
        self.stack.push(id);
        Ok(())
    }

    /// Below this height the stack belongs to a list of arguments that is still open.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Problem> {
        self.stack[self.floor()..].last().copied().ok_or_else(|| self.underflow())
    }

    fn pop(&mut self) -> Result<Id, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Problem> {
        let mark = self.marks.pop().ok_or_else(|| self.fault("the end of a list that never began"))?;
        Ok(self.stack.split_off(mark))
    }

    fn spend(&mut self, steps: usize) -> Result<(), Problem> {
        self.steps += steps;
        if self.steps > MAX_STEPS { Err(limit("the number of steps of a pickle", MAX_STEPS)) } else { Ok(()) }
    }

    fn underflow(&self) -> Problem {
        self.fault("a value is missing on the stack")
    }

    fn fault(&self, what: impl Into<String>) -> Problem {
        self.stream.fault(what)
    }
}

fn limit(what: &str, limit: impl ToString) -> Problem {
    Problem::Limit { what: what.into(), limit: limit.to_string() }
}
