//! Which points of a batch the losses are about.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::smoothed;
use crate::mask::Mask;
use crate::points::Point;
use crate::targets::Assignment;

/// The rows `video * points + point` of a batch's points that hold video, and those of them that learn a class.
pub(crate) struct Rows<'a> {
    /// Points that hold video.
    pub(crate) valid: Vec<usize>,
    /// Valid points that learn a class.
    pub(crate) positive: Vec<usize>,
    points: &'a [Point],
    assignments: &'a [Assignment],
}

impl<'a> Rows<'a> {
    pub(crate) fn new(points: &'a [Point], valid: &Mask, assignments: &'a [Assignment]) -> Self {
        let rows = |keep: &dyn Fn(usize, usize) -> bool| -> Vec<usize> {
            let all = (0..assignments.len()).flat_map(|b| (0..points.len()).map(move |p| (b, p)));
            all.filter(|&(b, p)| valid.row(b)[p] && keep(b, p)).map(|(b, p)| b * points.len() + p).collect()
        };
        let positive = rows(&|b, p| assignments[b].is_positive(p));
        Self { valid: rows(&|_, _| true), positive, points, assignments }
    }

    /// Targets of the valid points with label smoothing, `[valid, classes]`, and which of their entries are set, in order.
    pub(crate) fn targets(&self, smoothing: f64, device: &Device) -> (Tensor<2>, Vec<usize>) {
        let hard: Vec<f32> = self.valid.iter().flat_map(|&row| self.classes(row)).copied().collect();
        let classes = hard.len() / self.valid.len().max(1);
        let set = (0..hard.len()).filter(|&entry| hard[entry] > 0.0).collect();
        let soft: Vec<f32> = hard.into_iter().map(|y| smoothed(y, smoothing, classes)).collect();
        (Tensor::from_data(TensorData::new(soft, [self.valid.len(), classes]), device), set)
    }

    /// The classes that the positive points learn, as `(row, class)` in order.
    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let of_row = |&row: &usize| {
            let classes = self.classes(row).iter().enumerate();
            classes.filter(|(_, y)| **y > 0.0).map(move |(class, _)| (row, class))
        };
        self.positive.iter().flat_map(of_row).collect()
    }

    /// Predicted and true segments of some rows, in grid steps, from the predicted `distances` `[n, 2]` in strides.
    pub(crate) fn segments(&self, rows: &[usize], distances: Tensor<2>) -> ([Tensor<2>; 2], [Tensor<2>; 2]) {
        let device = distances.device();
        let column = |value: &dyn Fn(&Point, [f32; 2]) -> f32| -> Tensor<2> {
            let of_row = |&row: &usize| {
                let (video, point) = (row / self.points.len(), row % self.points.len());
                value(&self.points[point], self.assignments[video].offsets[point])
            };
            let values: Vec<f32> = rows.iter().map(of_row).collect();
            Tensor::from_data(TensorData::new(values, [rows.len(), 1]), &device)
        };
        let position = column(&|point, _| point.position);
        let reach = distances * column(&|point, _| point.stride);
        let found = [position.clone() - reach.clone().narrow(1, 0, 1), position + reach.narrow(1, 1, 1)];
        let truth = [
            column(&|point, [left, _]| point.position - left * point.stride),
            column(&|point, [_, right]| point.position + right * point.stride),
        ];
        (found, truth)
    }

    fn classes(&self, row: usize) -> &[f32] {
        let (video, point) = (row / self.points.len(), row % self.points.len());
        let Assignment { classes, offsets } = &self.assignments[video];
        let count = classes.len() / offsets.len().max(1);
        &classes[point * count..(point + 1) * count]
    }
}

/// Some rows of `[b, points, c]`, as `[rows, c]`.
pub(crate) fn select(x: Tensor<3>, rows: &[usize]) -> Tensor<2> {
    let [b, n, c] = x.dims();
    let indices: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [rows.len()]), &x.device());
    x.reshape([b * n, c]).select(0, indices)
}
