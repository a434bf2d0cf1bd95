//! Losses by themselves, with gradients.

use std::path::Path;

use adatad_detector::losses::{FocalLoss, distance_iou, generalised_iou};
use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::balance;
use super::describe::number;
use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;

/// A loss of pairs of segments, each `[start, end]` of `[n, 1]`.
type OverlapLoss = fn([Tensor<2>; 2], [Tensor<2>; 2]) -> Tensor<2>;

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let Value::Object(cases) = &sidecar["cases"] else {
        return Err(Unusable("`cases` is no object".into()));
    };
    for (case, settings) in cases {
        let case = Case { name: case, settings, tensors: &tensors, device: &device.clone().autodiff() };
        match case.name.split('.').next().unwrap_or(case.name) {
            "focal" => case.focal(score)?,
            "diou" => case.overlap(distance_iou, score)?,
            "giou" => case.overlap(generalised_iou, score)?,
            "bal_bce" | "bal_l2" => balance::losses(case.name, settings, &tensors, device, score)?,
            other => return Err(Unusable(format!("losses of the kind `{other}` are not known"))),
        }
    }
    Ok(())
}

struct Case<'a> {
    name: &'a str,
    settings: &'a Value,
    tensors: &'a Tensors,
    device: &'a Device,
}

impl Case<'_> {
    fn focal(&self, score: &mut Score) -> Result<(), Unusable> {
        let named = |key: &str| -> Result<Tensor<2>, Unusable> {
            let name = self.settings[key].as_str().ok_or_else(|| Unusable(format!("{} lacks `{key}`", self.name)))?;
            self.tensors.tensor(name, self.device)
        };
        let (logits, targets) = (named("logits")?.require_grad(), named("targets")?);
        let focal = FocalLoss { alpha: number(self.settings, "alpha")?, gamma: number(self.settings, "gamma")? };
        let loss = focal.forward(logits.clone(), targets);
        self.compare("loss", &loss, score)?;
        let gradients = loss.sum().backward();
        self.compare("grad", &gradient(&logits, &gradients)?, score)
    }

    fn overlap(&self, loss: OverlapLoss, score: &mut Score) -> Result<(), Unusable> {
        let segments = |name: &str| -> Result<Tensor<2>, Unusable> {
            Ok(self.tensors.tensor::<2>(name, self.device)?.require_grad())
        };
        let (found, truth) = (segments("iou.pred")?, segments("iou.target")?);
        let ends = |x: &Tensor<2>| [x.clone().narrow(1, 0, 1), x.clone().narrow(1, 1, 1)];
        let loss = loss(ends(&found), ends(&truth));
        self.compare("loss", &loss, score)?;
        let gradients = loss.sum().backward();
        self.compare("grad_pred", &gradient(&found, &gradients)?, score)?;
        self.compare("grad_target", &gradient(&truth, &gradients)?, score)
    }

    /// Compares with the numbers in 64 bits, where there are any.
    fn compare(&self, part: &str, found: &Tensor<2>, score: &mut Score) -> Result<(), Unusable> {
        let name = format!("{}.{part}", self.name);
        let expected = self.tensors.numbers(&format!("{name}64")).or_else(|_| self.tensors.numbers(&name))?;
        let (atol, rtol) = (number(self.settings, "atol")?, number(self.settings, "rtol")?);
        score.relative(&name, &numbers(&found.to_data()), &expected, |value| atol + rtol * value.abs());
        Ok(())
    }
}

fn gradient(of: &Tensor<2>, gradients: &burn::tensor::Gradients) -> Result<Tensor<2>, Unusable> {
    of.grad(gradients).ok_or_else(|| Unusable("no gradient reaches the input".into()))
}
