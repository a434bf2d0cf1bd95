//! The camera: shake, light and noise between the scene and the picture.
//!
//! None of it has to do with the actions. It is what a model must learn to look past.

use std::f64::consts::TAU;

use super::canvas::Canvas;
use super::ease::{Wander, mix, sign, smooth};
use super::options::{Purpose, Source, SynthOptions};
use crate::random::Rng;

/// Most that the camera shakes, in scene pixels.
const SHAKE: f64 = 1.9;

/// Values in the noise tile before it repeats; each row of each frame starts somewhere else in it.
const NOISE: usize = 8192;

/// The integer that stands for a gain of 1.
const UNIT_GAIN: f64 = 4096.0;

/// What happens to the picture at one frame.
#[derive(Debug, Clone, Copy)]
struct Exposure {
    /// Shift of the view, in scene pixels.
    shift: (f64, f64),
    /// Brightness, 1 on average.
    gain: f64,
}

/// A soft shadow that drifts over the picture.
#[derive(Debug, Clone, Copy)]
struct Shadow {
    start: f64,
    end: f64,
    /// Where its middle is at its start and end, as fractions of the width and height of the picture.
    from: (f64, f64),
    to: (f64, f64),
    /// Its size, as fractions of the width and height.
    size: (f64, f64),
    /// Brightness taken away in its middle.
    depth: f64,
}

/// Turns a canvas into a picture.
#[derive(Debug)]
pub(super) struct Camera {
    width: usize,
    height: usize,
    scale: f64,
    fps: f64,
    source: Source,
    exposures: Vec<Exposure>,
    shadows: Vec<Shadow>,
    /// Gain of each colour: the cast of this video.
    cast: [f64; 3],
    noise: Vec<i16>,
    /// Room for one row, and for the gains of one row.
    row: Vec<u16>,
    gains: Vec<u16>,
    shaded: Vec<u16>,
}

impl Camera {
    /// Pixels by which a canvas must be larger than the picture on every side.
    pub(super) fn pad(options: &SynthOptions) -> usize {
        (SHAKE * options.scale()).ceil() as usize + 1
    }

    /// The camera of a video of `frames` frames.
    pub(super) fn new(source: Source, options: &SynthOptions, frames: usize) -> Self {
        let rng = &mut source.rng(Purpose::Camera);
        let duration = frames as f64 / f64::from(options.fps);
        let strength = rng.uniform(0.5, 1.5);
        let noise = |_| [(strength * rng.normal()).round() as i16; 3];
        let noise: Vec<i16> = (0..NOISE + options.width).flat_map(noise).collect();
        let values = options.width * 3;
        Self {
            width: options.width,
            height: options.height,
            scale: options.scale(),
            fps: f64::from(options.fps),
            source,
            exposures: draw_exposures(rng, frames, f64::from(options.fps)),
            shadows: draw_shadows(rng, duration),
            cast: std::array::from_fn(|_| rng.uniform(0.94, 1.06)),
            noise,
            row: vec![0; values + 3],
            gains: vec![0; values],
            shaded: vec![0; values],
        }
    }

    /// Takes the picture of `frame`: the canvas, shifted, lit and noisy. `rgb` has three bytes per pixel.
    pub(super) fn take(&mut self, canvas: &Canvas, frame: usize, rgb: &mut [u8]) {
        let exposure = self.exposures[frame];
        let pad = (canvas.width - self.width) / 2;
        let split = |shift: f64| {
            let place = pad as f64 + shift * self.scale;
            let whole = place.floor();
            (whole as usize, ((place - whole) * 256.0) as u16)
        };
        let ((left, part_x), (top, part_y)) = (split(exposure.shift.0), split(exposure.shift.1));
        for pixel in self.gains.as_chunks_mut::<3>().0 {
            *pixel = self.cast.map(|cast| (cast * exposure.gain * UNIT_GAIN) as u16);
        }
        let time = frame as f64 / self.fps;
        let shadow = self.shadows.iter().find(|shadow| shadow.covers(time));
        let shade = shadow.map(|shadow| shadow.profiles(time, self.width, self.height));
        let mut rng = self.source.frame_rng(frame);

        let stride = canvas.width * 3;
        for (y, out) in rgb.chunks_exact_mut(self.width * 3).enumerate() {
            let at = (y + top) * stride + left * 3;
            let upper = &canvas.rgb[at..][..self.row.len()];
            let lower = &canvas.rgb[at + stride..][..self.row.len()];
            for ((mixed, &a), &b) in self.row.iter_mut().zip(upper).zip(lower) {
                *mixed = (u16::from(a) * (256 - part_y) + u16::from(b) * part_y + 128) >> 8;
            }
            let mut gains = &self.gains;
            if let Some((across, down)) = &shade {
                for ((shaded, &gain), &across) in self.shaded.iter_mut().zip(gains).zip(across) {
                    *shaded = gain - high(gain, high(across, down[y]));
                }
                gains = &self.shaded;
            }
            let offset = 3 * (rng.bits() as usize % NOISE);
            let noise = &self.noise[offset..][..out.len()];
            develop(&self.row, part_x, gains, noise, out);
        }
    }
}

/// Upper half of a product: `a` times `b` as a fraction of 65,536. Everything here fits 16 bits, because that is what
/// every processor multiplies many of at once.
fn high(a: u16, b: u16) -> u16 {
    ((u32::from(a) * u32::from(b)) >> 16) as u16
}

/// Interpolates along a row, multiplies with the gains and adds the noise.
fn develop(row: &[u16], part: u16, gains: &[u16], noise: &[i16], out: &mut [u8]) {
    let (here, next) = (&row[..out.len()], &row[3..][..out.len()]);
    let values = out.iter_mut().zip(here).zip(next).zip(gains).zip(noise);
    for ((((value, &a), &b), &gain), &noise) in values {
        // Times 256; then the gain leaves 16.
        let mixed = a * (256 - part) + b * part;
        let lit = (high(mixed, gain) + 8) >> 4;
        *value = (lit as i16 + noise).clamp(0, 255) as u8;
    }
}

impl Shadow {
    fn covers(&self, time: f64) -> bool {
        (self.start..self.end).contains(&time)
    }

    /// How dark it makes each value of a row, and how much of that each row gets, as fractions of 65,536.
    fn profiles(&self, time: f64, width: usize, height: usize) -> (Vec<u16>, Vec<u16>) {
        let phase = (time - self.start) / (self.end - self.start);
        let middle = (mix(self.from.0, self.to.0, phase), mix(self.from.1, self.to.1, phase));
        let bell = |place: f64, middle: f64, size: f64| 65_535.0 * (-((place - middle) / size).powi(2)).exp();
        let across = (0..width).flat_map(|x| {
            let place = x as f64 / width as f64;
            [bell(place, middle.0, self.size.0) as u16; 3]
        });
        let down = (0..height).map(|y| {
            let place = y as f64 / height as f64;
            (self.depth * bell(place, middle.1, self.size.1)) as u16
        });
        (across.collect(), down.collect())
    }
}

/// Times in seconds at which something happens `rate` times a minute.
fn draw_times(rng: &mut Rng, duration: f64, rate: f64) -> Vec<f64> {
    let count = (duration / 60.0 * rate + rng.unit()) as usize;
    (0..count).map(|_| rng.uniform(0.0, duration)).collect()
}

fn draw_exposures(rng: &mut Rng, frames: usize, fps: f64) -> Vec<Exposure> {
    let duration = frames as f64 / fps;
    let [sway_x, sway_y] = [1.1, 1.1].map(|step| Wander::new(rng, duration, step));
    let [shiver_x, shiver_y] = [0.2, 0.2].map(|step| Wander::new(rng, duration, step));
    let [flicker, drift] = [0.12, 11.0].map(|step| Wander::new(rng, duration, step));
    let reach = rng.uniform(0.2, 0.8);
    let bumps: Vec<(f64, f64, f64)> = draw_times(rng, duration, 0.8)
        .into_iter()
        .map(|time| (time, rng.uniform(-0.6, 0.6), rng.uniform(0.8, 1.6) * sign(rng)))
        .collect();
    let steps: Vec<(f64, f64, f64)> = draw_times(rng, duration, 1.0)
        .into_iter()
        .map(|time| (time, rng.uniform(0.1, 0.4), rng.uniform(-0.06, 0.06)))
        .collect();
    let exposure = |frame: usize| {
        let time = frame as f64 / fps;
        let (mut x, mut y) =
            (reach * sway_x.at(time) + 0.12 * shiver_x.at(time), reach * sway_y.at(time) + 0.12 * shiver_y.at(time));
        for &(start, dx, dy) in &bumps {
            let since = time - start;
            if (0.0..1.0).contains(&since) {
                let swing = (-since / 0.13).exp() * (TAU * 5.0 * since).sin();
                (x, y) = (x + dx * swing, y + dy * swing);
            }
        }
        let stepped: f64 = steps.iter().map(|&(start, length, level)| level * smooth((time - start) / length)).sum();
        Exposure {
            shift: (x.clamp(-SHAKE, SHAKE), y.clamp(-SHAKE, SHAKE)),
            gain: 1.0 + 0.015 * flicker.at(time) + 0.06 * drift.at(time) + stepped.clamp(-0.1, 0.1),
        }
    };
    (0..frames).map(exposure).collect()
}

/// Shadows, one at a time.
fn draw_shadows(rng: &mut Rng, duration: f64) -> Vec<Shadow> {
    let mut times = draw_times(rng, duration, 1.4);
    times.sort_by(f64::total_cmp);
    let mut shadows: Vec<Shadow> = Vec::with_capacity(times.len());
    for start in times {
        let (enters, leaves) = if rng.chance(0.5) { (-0.6, 1.6) } else { (1.6, -0.6) };
        let shadow = Shadow {
            start,
            end: start + rng.uniform(4.0, 14.0),
            from: (enters, rng.uniform(0.1, 0.9)),
            to: (leaves, rng.uniform(0.1, 0.9)),
            size: (rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.5)),
            depth: rng.uniform(0.15, 0.35),
        };
        if shadows.last().is_none_or(|last| last.end <= start) {
            shadows.push(shadow);
        }
    }
    shadows
}
