//! Several devices that share the windows of a step.
//!
//! Each has a replica of the model. Window `i` of a step is run on device `i` modulo their number; gradients come back to
//! the first device, where they are summed in the windows' order and the optimiser moves the weights; what learned goes out
//! to the replicas again. So the result is that of one device with the same batch, and nothing but the first device's state
//! is in a checkpoint. Frozen weights are copied once.
//!
//! A device may be of another machine (`burn::tensor::remote`). Tensors move by Burn's own copies between devices. Its
//! all-reduce (`burn::tensor::distributed`) exists in 0.22 for CUDA only, and for remote devices of one and the same server
//! that has it; it would save the way over the first device there.

use burn::module::Module;
use burn::tensor::Device;

use crate::average::{learning_weights, put_weights};
use crate::model::AdaTad;

/// The devices besides the first one.
#[derive(Debug, Default)]
pub struct Fleet {
    others: Vec<Replica>,
}

/// A device and its model.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The device, in its autodiff form.
    pub device: Device,
    /// The model on it.
    pub model: AdaTad,
}

impl Fleet {
    /// Replicas of `model` on these devices, which are without autodiff.
    pub fn new(model: &AdaTad, others: &[Device]) -> Self {
        let replica = |device: &Device| {
            let device = device.clone().autodiff();
            let mut model = model.clone().fork(&device);
            model.backbone = model.backbone.map(|backbone| backbone.suited(&device));
            Replica { model, device }
        };
        Self { others: others.iter().map(replica).collect() }
    }

    /// Number of devices, the first one included.
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Never: there is the first one.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where window `index` of a step is run; none on the first device.
    pub fn of(&self, index: usize) -> Option<&Replica> {
        (index % self.len()).checked_sub(1).map(|other| &self.others[other])
    }

    /// Gives the replicas what `model` has learned.
    pub fn refresh(&mut self, model: &AdaTad) {
        if self.others.is_empty() {
            return;
        }
        let learned = learning_weights(model);
        for Replica { device, model } in &mut self.others {
            let inner = device.clone().inner();
            let there = learned.iter().map(|(path, tensor)| (path.clone(), tensor.clone().to_device(&inner))).collect();
            *model = put_weights(model.clone(), &there);
        }
    }
}
