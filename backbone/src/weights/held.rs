//! Numbers of a file, taken as the module holds them: a tensor at a time, so that a transformer whose frozen weights are
//! held in 16 bits is never in memory in 32.

use std::collections::BTreeMap;

use burn::store::burn_pack::Tensor as Stored;
use burn::store::{FloatCastAdapter, ModuleAdapter, ModuleContext, ModuleSnapshot};
use burn::tensor::DType;

/// What kind of numbers each parameter of a module is held in, by its path.
#[derive(Debug, Clone)]
pub struct AsHeld(BTreeMap<String, DType>);

impl AsHeld {
    /// Of `module`; `skip_enum_variants` as the numbers will be applied.
    pub fn by<M: ModuleSnapshot>(module: &M, skip_enum_variants: bool) -> Self {
        let held = module.collect(None, None, skip_enum_variants);
        Self(held.into_iter().map(|tensor| (tensor.name, tensor.dtype)).collect())
    }
}

impl ModuleAdapter for AsHeld {
    fn adapt(&self, tensor: Stored, context: ModuleContext<'_>) -> Stored {
        match self.0.get(&tensor.name) {
            Some(dtype) if dtype.is_float() => FloatCastAdapter::to(*dtype).adapt(tensor, context),
            _ => tensor,
        }
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}
