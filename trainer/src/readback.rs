//! Numbers that a step reads back from its device.
//!
//! Each reading is a wait: the device has to finish all it was given, and stands still until it is given more. On a
//! processor that costs nothing; on a GPU, a step that waits at every window or block spends its time doing so. So a step
//! reads once, what it says and what decides whether it counts: its losses and the norm of its gradient. The backward and
//! forward passes read nothing (`cargo xtask tidy` looks for calls that would).

use std::cell::Cell;

use burn::tensor::Tensor;

/// The one way in which a step reads numbers. Counts how often it is gone.
#[derive(Debug, Default)]
pub struct Readback {
    times: Cell<usize>,
}

impl Readback {
    /// The numbers of a tensor `[n]`.
    pub fn numbers(&self, tensor: Tensor<1>) -> Vec<f64> {
        self.times.set(self.times.get() + 1);
        tensor.into_data().iter::<f64>().collect()
    }

    /// How often something was read.
    pub fn times(&self) -> usize {
        self.times.get()
    }
}
