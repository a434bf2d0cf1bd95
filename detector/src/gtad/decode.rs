//! From predictions to scored segments in grid steps (OpenTAD `BMN.post_processing`).

use burn::tensor::{Tensor, activation};

use super::Predictions;
use super::config::ProposalScore;
use super::proposals::ProposalMap;
use crate::segment::Segment;

/// Share of the window's strongest boundary from which on a step is a candidate (Lin et al., BSN, section 3.4).
const STRONG: f32 = 0.5;

/// Every proposal whose start and end are candidates, of each window, in the order of durations and starts. All have class
/// 0: what they show, an external classifier says.
///
/// A boundary is a candidate where it is more than half as strong as the strongest of its window, or not weaker than its
/// neighbours. The first step may always be a start, and the last always an end. Padding is not looked at, as in the
/// reference: in short windows proposals may lie in it.
pub fn decode(predictions: &Predictions, score: ProposalScore) -> Vec<Vec<Segment>> {
    let [b, _, durations, steps] = predictions.maps.dims();
    let map = ProposalMap { durations, steps };
    let boundaries = to_vec(activation::sigmoid(predictions.boundaries.clone()));
    let maps = to_vec(activation::sigmoid(predictions.maps.clone()));
    (0..b)
        .map(|window| {
            let boundary = |kind: usize| &boundaries[(2 * window + kind) * steps..][..steps];
            let (start, end) = (boundary(0), boundary(1));
            let (mut starts, mut ends) = (candidates(start), candidates(end));
            starts[0] = true;
            ends[steps - 1] = true;
            let map_value = |kind: usize, cell: usize| maps[(2 * window + kind) * map.cells() + cell];
            let proposals = map.valid().filter(|(_, [s, e])| starts[*s] && ends[*e - 1]);
            let segment = |(cell, [s, e]): (usize, [usize; 2])| {
                let from_maps = map_value(0, cell) * map_value(1, cell);
                let score = match score {
                    ProposalScore::Maps => from_maps,
                    ProposalScore::MapsAndBoundaries => start[s] * end[e - 1] * from_maps,
                };
                Segment { start: s as f32, end: e as f32, label: 0, score }
            };
            proposals.map(segment).collect()
        })
        .collect()
}

/// Which steps are strong, or not weaker than their neighbours.
fn candidates(values: &[f32]) -> Vec<bool> {
    let strongest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let around = |t: usize| values[t.saturating_sub(1)..(t + 2).min(values.len())].iter().copied();
    let is_peak = |t: usize| around(t).all(|other| other <= values[t]);
    (0..values.len()).map(|t| values[t] > STRONG * strongest || is_peak(t)).collect()
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    match tensor.try_into_vec_as::<f32>() {
        Ok(values) => values,
        Err(error) => unreachable!("a tensor read as f32 holds f32: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_strong_or_peaks() {
        let found = candidates(&[0.2, 0.1, 0.3, 0.1, 0.9, 0.5, 0.44, 0.44]);
        assert_eq!(found, [true, false, true, false, true, true, false, true]);
    }
}
