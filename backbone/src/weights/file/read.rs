//! Reading the numbers of one tensor from the file, a piece at a time, in the order in which they lie there.

use super::disk::Disk;
use super::error::Problem;
use super::tensor::TensorInfo;

/// Bytes read at once: all the memory a read takes beside its result.
const PIECE: usize = 1 << 20;

/// Bytes read at once where only some of them are wanted.
const SPARSE_PIECE: usize = 1 << 14;

/// The numbers as 32-bit floats, row by row.
pub(super) fn floats(disk: &Disk, tensor: &TensorInfo) -> Result<Vec<f32>, Problem> {
    let mut floats = reserved(tensor.elements(), 0.0)?;
    tensor.dtype().decode(&[], &mut [])?; // a type without real values, even if there are none
    walk(disk, tensor, |at, bytes| tensor.dtype().decode(bytes, &mut floats[at..]))?;
    Ok(floats)
}

/// The numbers in their own type, row by row, the lowest byte first.
pub(super) fn bytes(disk: &Disk, tensor: &TensorInfo) -> Result<Vec<u8>, Problem> {
    let size = tensor.dtype().size();
    let mut out = reserved(tensor.elements().saturating_mul(size), 0)?;
    walk(disk, tensor, |at, bytes| {
        out[at * size..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    })?;
    Ok(out)
}

fn reserved<T: Copy>(count: usize, value: T) -> Result<Vec<T>, Problem> {
    let mut out = Vec::new();
    if out.try_reserve_exact(count).is_err() {
        return Err(Problem::Memory((count as u64).saturating_mul(size_of::<T>() as u64)));
    }
    out.resize(count, value);
    Ok(out)
}

/// A number of steps along an axis, each of so many elements in the file and so many in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    size: usize,
    step: usize,
    out: usize,
}

/// Hands out all elements, in runs that lie side by side both in the file and in the result: `each(index, bytes)`.
fn walk(
    disk: &Disk,
    tensor: &TensorInfo,
    mut each: impl FnMut(usize, &[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if tensor.elements() == 0 {
        return Ok(());
    }
    let size = tensor.dtype().size();
    let mut axes = axes(tensor);
    let run = match axes.last() {
        Some(&Axis { size, step: 1, out: 1 }) => {
            axes.pop();
            size
        }
        _ => 1,
    };
    let span: usize = axes.iter().map(|axis| (axis.size - 1) * axis.step).sum::<usize>() + run;
    let end = tensor.start() + (span * size) as u64;
    let mut window = Window { disk, end, start: 0, bytes: Vec::new(), piece: piece(&axes, run, size) };

    let mut counters = vec![0; axes.len()];
    let (mut at, mut out) = (0, 0);
    loop {
        let mut done = 0;
        while done < run {
            let count = (run - done).min(window.piece / size);
            each(out + done, window.get(tensor.start() + ((at + done) * size) as u64, count * size)?)?;
            done += count;
        }
        // The next run: one step along the last axis that has one left.
        let Some(last) = (0..axes.len()).rev().find(|&axis| counters[axis] + 1 < axes[axis].size) else {
            return Ok(());
        };
        for axis in last + 1..axes.len() {
            at -= counters[axis] * axes[axis].step;
            out -= counters[axis] * axes[axis].out;
            counters[axis] = 0;
        }
        counters[last] += 1;
        at += axes[last].step;
        out += axes[last].out;
    }
}

/// The axes, those with the longest steps in the file first, with neighbours that form one axis merged.
fn axes(tensor: &TensorInfo) -> Vec<Axis> {
    let mut out = 1;
    let mut axes = Vec::new();
    for (&size, &step) in tensor.shape().iter().zip(tensor.strides()).rev() {
        if size > 1 {
            axes.push(Axis { size, step, out });
        }
        out *= size;
    }
    axes.sort_by_key(|axis| std::cmp::Reverse((axis.step, axis.out)));
    let mut merged: Vec<Axis> = Vec::new();
    for axis in axes {
        match merged.last_mut() {
            Some(outer) if outer.step == axis.step * axis.size && outer.out == axis.out * axis.size => {
                *outer = Axis { size: outer.size * axis.size, ..axis };
            }
            _ => merged.push(axis),
        }
    }
    merged
}

/// Small pieces if the runs lie so far apart that most of a large one would not be used.
fn piece(axes: &[Axis], run: usize, size: usize) -> usize {
    let used = axes.iter().rev().find(|axis| axis.step > 0).is_none_or(|axis| axis.step / 4 <= run);
    let fits = run.saturating_mul(size).max(SPARSE_PIECE);
    // A whole number of elements, whose size is a power of two.
    let piece = if used { PIECE } else { fits.min(PIECE) };
    piece - piece % size
}

/// A piece of the file in memory.
struct Window<'a> {
    disk: &'a Disk,
    /// Where the tensor ends in the file.
    end: u64,
    start: u64,
    bytes: Vec<u8>,
    piece: usize,
}

impl Window<'_> {
    /// `count` bytes at this offset, at most one piece.
    fn get(&mut self, offset: u64, count: usize) -> Result<&[u8], Problem> {
        let held = offset >= self.start && offset + count as u64 <= self.start + self.bytes.len() as u64;
        if !held {
            let load = (self.end - offset).min(self.piece as u64) as usize;
            self.bytes.resize(load, 0);
            // Forget what was held, should the read fail.
            self.start = u64::MAX;
            self.disk.read_at(offset, &mut self.bytes)?;
            self.start = offset;
        }
        Ok(&self.bytes[(offset - self.start) as usize..][..count])
    }
}
