//! Pooling of a whole proposal map as a few matrix products.
//!
//! Two things make the map cheap. Pooling and the convolution after it are both linear, so the convolution goes first: it
//! runs on `t` steps instead of on every cell. And a bin of a proposal looks at a few neighbouring steps only, which are
//! almost the same for proposals that start side by side. So starts are taken in [tiles](TILE): all proposals of one
//! duration in one tile share, for each bin, a band of rows, and are one small matrix times these rows.
//!
//! Axis names: `t` grid steps and starts, `d` durations, `r` bins of both poolings, `o` channels of a proposal, `j` rows of a
//! band.

use burn::tensor::{Device, Int, Tensor, TensorData, f16};

use super::align::{Align1d, Tap};
use super::proposals::ProposalMap;

/// Starts that share a band. Larger ones share more, and multiply more zeros.
const TILE: usize = 16;
/// Durations in one matrix product. More need fewer products, and more memory for the rows.
const AT_ONCE: usize = 4;
/// How far a proposal is stretched to both sides, in its own lengths (OpenTAD `prop_extend_ratio`).
const STRETCH: f64 = 0.5;

/// Which rows every tile reads, and with which weights.
#[derive(Debug, Clone)]
pub(super) struct Bands {
    map: ProposalMap,
    groups: Vec<Group>,
    /// Cells that reach beyond the window: all of them are pooled from the same stretch, `[0, 0]`.
    beyond: Tile,
}

/// The bands of a few durations.
#[derive(Debug, Clone)]
struct Group {
    durations: usize,
    /// Rows of a tile (`j`).
    reach: usize,
    /// `[durations, tiles, j]`.
    rows: Vec<i32>,
    /// `[durations, tiles, TILE, j]`.
    weights: Vec<f32>,
}

/// The rows that some stretches read, and the weight of each row for each of them.
#[derive(Debug, Clone, Default)]
struct Tile {
    rows: Vec<usize>,
    /// Per stretch: positions in `rows`, with weights.
    taps: Vec<Vec<(usize, f64)>>,
}

/// The bins of both poolings, as rows of the features that were projected for them.
struct Poolings {
    inner: Align1d,
    context: Align1d,
    steps: usize,
}

impl Poolings {
    /// Taps of every bin of a stretch; a step `s` of bin `r` of the first pooling is row `s * bins + r`, and those of the
    /// second follow.
    fn taps(&self, [start, end]: [f64; 2]) -> impl Iterator<Item = (Align1d, usize, Vec<Vec<Tap>>)> {
        let [start, end] = [start, end].map(|at| f64::from(f16::from_f64(at)));
        let first = self.steps * self.inner.bins;
        let poolings = [(self.inner, 0), (self.context, first)];
        poolings.into_iter().map(move |(align, first)| (align, first, align.taps(start, end, self.steps)))
    }

    /// The band of some stretches.
    fn tile(&self, stretches: &[Option<[f64; 2]>]) -> Tile {
        let mut tile = Tile { rows: Vec::new(), taps: vec![Vec::new(); stretches.len()] };
        let stretches: Vec<_> = stretches.iter().map(|s| s.map(|s| self.taps(s).collect::<Vec<_>>())).collect();
        for pooling in 0..2 {
            let align = [self.inner, self.context][pooling];
            for bin in 0..align.bins {
                let taps =
                    |at: usize| stretches[at].as_ref().map(|poolings| (&poolings[pooling].2[bin], poolings[pooling].1));
                let all = || (0..stretches.len()).filter_map(taps);
                let lowest = all().filter_map(|(taps, _)| taps.first()).map(|tap| tap.step).min();
                let highest = all().filter_map(|(taps, _)| taps.last()).map(|tap| tap.step).max();
                let (Some(lowest), Some(highest), Some((_, first))) = (lowest, highest, all().next()) else { continue };
                let start = tile.rows.len();
                tile.rows.extend((lowest..=highest).map(|step| first + step * align.bins + bin));
                for at in 0..stretches.len() {
                    let found = taps(at).into_iter().flat_map(|(taps, _)| taps);
                    tile.taps[at].extend(found.map(|tap| (start + tap.step - lowest, tap.weight)));
                }
            }
        }
        tile
    }
}

impl Bands {
    /// The bands of a map whose proposals are pooled into `inner` bins, and their neighbours into `context` bins.
    pub(super) fn new(map: ProposalMap, [inner, context]: [usize; 2]) -> Self {
        let (inner, context) = (Align1d::adaptive(inner), Align1d::adaptive(context));
        let poolings = Poolings { inner, context, steps: map.steps };
        let stretched = |[start, end]: [usize; 2]| {
            let (start, end) = (start as f64, end as f64);
            let more = STRETCH * (end - start);
            [start - more, end + more]
        };
        let durations: Vec<usize> = (0..map.durations).collect();
        let group = |durations: &[usize]| {
            let starts = |tile: usize| tile * TILE..(tile + 1) * TILE;
            let stretch = |d: usize, t: usize| map.segment(d, t).map(stretched);
            let tile = |d: usize, tile: usize| poolings.tile(&starts(tile).map(|t| stretch(d, t)).collect::<Vec<_>>());
            let tiles = durations.iter().flat_map(|&d| (0..map.steps.div_ceil(TILE)).map(move |at| (d, at)));
            Group::new(durations.len(), &tiles.map(|(d, at)| tile(d, at)).collect::<Vec<_>>())
        };
        let groups = durations.chunks(AT_ONCE).map(group).collect();
        Self { map, groups, beyond: poolings.tile(&[Some([0.0, 0.0])]) }
    }

    /// The sum over bins and steps for every cell.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[b, t * r, o]`, the rows of the first pooling and then those of the second
    /// - returns: `[b, d, t, o]`
    pub(super) fn forward(&self, rows: Tensor<3>) -> Tensor<4> {
        let ([b, _, o], device, float) = (rows.dims(), rows.device(), rows.dtype());
        let ProposalMap { durations, steps } = self.map;
        let tiles = steps.div_ceil(TILE);
        let group = |group: &Group| {
            let (count, j) = (group.durations * tiles, group.reach);
            let chosen = Tensor::<1, Int>::from_data(TensorData::new(group.rows.clone(), [count * j]), &device);
            let weights = TensorData::new(group.weights.clone(), [1, count, TILE, j]);
            let weights = Tensor::from_data(weights, (&device, float));
            let chosen = rows.clone().select(1, chosen).reshape([b, count, j, o]);
            let pooled = weights.matmul(chosen).reshape([b, group.durations, tiles * TILE, o]);
            pooled.narrow(2, 0, steps)
        };
        let within = Tensor::cat(self.groups.iter().map(group).collect(), 1); // [b, d, t, o]
        if self.map.valid().count() == self.map.cells() {
            return within;
        }
        within + self.beyond(rows, [durations, steps], &device)
    }

    /// What the cells beyond the window hold, and 0 within it: `[b, d, t, o]`.
    fn beyond(&self, rows: Tensor<3>, [durations, steps]: [usize; 2], device: &Device) -> Tensor<4> {
        let ([b, _, o], float) = (rows.dims(), rows.dtype());
        let j = self.beyond.rows.len();
        let chosen: Vec<i32> = self.beyond.rows.iter().map(|&row| row as i32).collect();
        let mut weights = vec![0f32; j];
        self.beyond.taps.iter().flatten().for_each(|&(at, weight)| weights[at] += weight as f32);
        let mut outside = vec![1f32; self.map.cells()];
        self.map.valid().for_each(|(cell, _)| outside[cell] = 0.0);
        let chosen = rows.select(1, Tensor::<1, Int>::from_data(TensorData::new(chosen, [j]), device)); // [b, j, o]
        let weights = Tensor::<3>::from_data(TensorData::new(weights, [1, 1, j]), (device, float));
        let outside = Tensor::<4>::from_data(TensorData::new(outside, [1, durations, steps, 1]), (device, float));
        weights.matmul(chosen).reshape([b, 1, 1, o]) * outside
    }
}

impl Group {
    /// Bands of one length: shorter ones read the first row with weight 0.
    fn new(durations: usize, tiles: &[Tile]) -> Self {
        let reach = tiles.iter().map(|tile| tile.rows.len()).max().unwrap_or(0).max(1);
        let mut rows = vec![0i32; tiles.len() * reach];
        let mut weights = vec![0f32; tiles.len() * TILE * reach];
        for (at, tile) in tiles.iter().enumerate() {
            for (to, &row) in rows[at * reach..].iter_mut().zip(&tile.rows) {
                *to = row as i32;
            }
            for (start, taps) in tile.taps.iter().enumerate() {
                let row = &mut weights[(at * TILE + start) * reach..][..reach];
                taps.iter().for_each(|&(at, weight)| row[at] += weight as f32);
            }
        }
        Self { durations, reach, rows, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gtad::align::Stretch;
    use crate::gtad::draws::{SplitMix, random};
    use burn::tensor::Tolerance;

    /// Every cell pooled by itself.
    fn one_by_one(map: ProposalMap, bins: [usize; 2], rows: &Tensor<3>) -> Tensor<4> {
        let ([b, _, o], device) = (rows.dims(), rows.device());
        let numbers: Vec<f64> = rows.to_data().iter::<f64>().collect();
        let mut expected = vec![0f64; b * map.cells() * o];
        let mut first = 0;
        for bins in bins {
            for window in 0..b {
                for cell in 0..map.cells() {
                    let [start, end] = map.segment(cell / map.steps, cell % map.steps).map_or([0.0, 0.0], |[s, e]| {
                        let (s, e) = (s as f64, e as f64);
                        [s - 0.5 * (e - s), e + 0.5 * (e - s)]
                    });
                    for bin in 0..bins {
                        for channel in 0..o {
                            let row = |step: usize| first + step * bins + bin;
                            let signal: Vec<f64> = (0..map.steps)
                                .map(|step| numbers[(window * rows.dims()[1] + row(step)) * o + channel])
                                .collect();
                            let stretch = [Stretch { window: 0, start, end }];
                            let pooled = Align1d::adaptive(bins).pool(&signal, [1, 1, map.steps], &stretch);
                            expected[(window * map.cells() + cell) * o + channel] += pooled[bin];
                        }
                    }
                }
            }
            first += map.steps * bins;
        }
        let shape = [b, map.durations, map.steps, o];
        Tensor::from_data(TensorData::new(expected, shape).convert::<f32>(), &device)
    }

    #[test]
    fn bands_give_what_pooling_cell_by_cell_gives() {
        let (device, rng) = (&Device::flex(), &mut SplitMix(4));
        for (durations, steps, bins) in [(7, 21, [4, 3]), (1, 5, [2, 2]), (16, 16, [3, 1])] {
            let map = ProposalMap { durations, steps };
            let rows = random([2, steps * (bins[0] + bins[1]), 3], rng, device);
            let found = Bands::new(map, bins).forward(rows.clone());
            let expected = one_by_one(map, bins, &rows);
            found.to_data().assert_approx_eq::<f32>(&expected.to_data(), Tolerance::default());
        }
    }
}
