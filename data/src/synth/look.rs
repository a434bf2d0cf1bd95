//! The looks of the line: colours and textures, drawn once for a data set, as one camera films one line.
//!
//! Whatever comes into the picture may be lighter or darker than the belt with equal chances, so that over many seeds
//! no action makes the picture brighter than another.

use std::f64::consts::{FRAC_PI_3, TAU};
use std::ops::Range;

use super::canvas::{Canvas, Paint};
use super::ease::sign;
use super::options::{Purpose, Source, SynthOptions};
use super::parts::PAINTS;
use super::places::Ground;
use super::shape::Shape;
use super::{HALF_SQUARE, SCENE_HEIGHT};
use crate::random::Rng;

/// Length of the belt until its texture repeats, in scene pixels: seven pictures.
const LOOP: f64 = 960.0;

/// The looks of the line.
#[derive(Debug)]
pub(super) struct Look {
    /// Everything that never moves.
    pub(super) background: Canvas,
    /// The belt's texture, one row of bytes for each row of the belt.
    pub(super) strip: Strip,
    /// Rows of the canvas that the belt covers.
    pub(super) rows: Range<usize>,
    /// Paints of the parts.
    pub(super) parts: [Paint; PAINTS],
    /// Paint of the arm.
    pub(super) arm: Paint,
    /// Paint of the arm's jaws.
    pub(super) jaws: Paint,
    /// Paint of the sleeve.
    pub(super) sleeve: Paint,
    /// Paint of the hand.
    pub(super) glove: Paint,
    /// A lamp that blinks off the belt, in some videos.
    pub(super) lamp: Option<Lamp>,
}

/// A lamp that blinks for no reason.
#[derive(Debug)]
pub(super) struct Lamp {
    /// Where it is, in scene pixels.
    pub(super) place: (f64, f64),
    lit: Paint,
    dark: Paint,
    /// Seconds from one flash to the next.
    period: f64,
    /// Fraction of the period for which it is lit.
    duty: f64,
}

impl Lamp {
    /// Its paint at `time` seconds.
    pub(super) fn paint(&self, time: f64) -> &Paint {
        if (time / self.period).fract() < self.duty { &self.lit } else { &self.dark }
    }
}

/// The texture of the belt, unrolled.
#[derive(Debug)]
pub(super) struct Strip {
    rgb: Vec<u8>,
    /// Bytes per row: the whole loop and one more canvas width, so that any view is contiguous.
    stride: usize,
    /// Pixels until the texture repeats.
    period: usize,
}

impl Strip {
    /// Writes what row `y` of the belt shows when its leftmost pixel sees the belt at `from` pixels. Between two
    /// pixels of the texture it interpolates: a belt that jumped by whole pixels would not look as if it moved.
    pub(super) fn view(&self, y: usize, from: f64, out: &mut [u8]) {
        let from = from.rem_euclid(self.period as f64);
        let whole = (from as usize).min(self.period - 1);
        let part = ((from - whole as f64) * 256.0) as u16;
        let row = &self.rgb[y * self.stride + whole * 3..];
        let (here, next) = (&row[..out.len()], &row[3..out.len() + 3]);
        for ((value, &a), &b) in out.iter_mut().zip(here).zip(next) {
            *value = ((u16::from(a) * (256 - part) + u16::from(b) * part) >> 8) as u8;
        }
    }
}

impl Look {
    /// Draws the looks of a video for canvases of `width` by `height` pixels, `pad` of which are beyond each edge of
    /// the picture.
    pub(super) fn new(
        source: Source,
        options: &SynthOptions,
        ground: Ground,
        pad: usize,
        (width, height): (usize, usize),
    ) -> Self {
        let rng = &mut source.shared_rng(Purpose::Look);
        let scale = options.scale();
        let belt = rng.uniform(85.0, 150.0);
        let row = |y: f64| (y * scale).round() as usize + pad;
        let rows = row(ground.top)..row(ground.bottom);
        let background = draw_background(rng, belt, ground, pad, (width, height), scale);
        let strip = draw_strip(rng, belt, rows.len(), width, scale);
        let against = |rng: &mut Rng, low: f64, high: f64, chroma: f64| {
            let luma = belt + sign(rng) * rng.uniform(low, high);
            paint(rng, luma, chroma)
        };
        Self {
            background,
            strip,
            rows,
            parts: std::array::from_fn(|_| against(rng, 35.0, 85.0, 45.0)),
            arm: against(rng, 50.0, 85.0, 12.0),
            jaws: against(rng, 50.0, 85.0, 25.0),
            sleeve: against(rng, 45.0, 85.0, 25.0),
            glove: against(rng, 50.0, 85.0, 30.0),
            lamp: rng.chance(0.7).then(|| draw_lamp(rng, ground)),
        }
    }
}

/// A colour of this brightness, with a random hue.
fn colour(rng: &mut Rng, luma: f64, chroma: f64) -> [f32; 3] {
    let hue = rng.uniform(0.0, TAU);
    let chroma = rng.uniform(0.3, 1.0) * chroma;
    let tint = [0.0, 2.0, 4.0].map(|k| chroma * (hue - k * FRAC_PI_3).cos());
    let shift = luma - (0.299 * tint[0] + 0.587 * tint[1] + 0.114 * tint[2]);
    tint.map(|value| (value + shift).clamp(8.0, 247.0) as f32)
}

/// A paint with a rim that is either darker or lighter.
fn paint(rng: &mut Rng, luma: f64, chroma: f64) -> Paint {
    let body = colour(rng, luma, chroma);
    let step = 42.0 * sign(rng) as f32;
    Paint { body, rim: body.map(|value| (value + step).clamp(4.0, 251.0)) }
}

fn flat(body: [f32; 3]) -> Paint {
    Paint { body, rim: body }
}

fn draw_lamp(rng: &mut Rng, ground: Ground) -> Lamp {
    let above = rng.chance(0.5);
    let y =
        if above { rng.uniform(4.0, ground.top - 5.0) } else { rng.uniform(ground.bottom + 5.0, SCENE_HEIGHT - 4.0) };
    let middle = ground.width / 2.0;
    let lit = colour(rng, 190.0, 60.0);
    Lamp {
        place: (middle + rng.uniform(-0.9, 0.9) * HALF_SQUARE, y),
        lit: flat(lit),
        dark: flat(lit.map(|value| 0.4 * value)),
        period: rng.uniform(0.6, 3.0),
        duty: rng.uniform(0.3, 0.7),
    }
}

/// Floor and machines above and below the belt, and its rails.
fn draw_background(
    rng: &mut Rng,
    belt: f64,
    ground: Ground,
    pad: usize,
    (width, height): (usize, usize),
    scale: f64,
) -> Canvas {
    let mut canvas = Canvas::new(width, height, scale);
    let floor = belt + sign(rng) * rng.uniform(25.0, 60.0);
    let base = colour(rng, floor, 20.0).map(|value| value as u8);
    for pixel in canvas.rgb.as_chunks_mut::<3>().0 {
        *pixel = base;
    }
    let pixels = |length: f64| length * scale + pad as f64;
    for _ in 0..rng.integer(10, 18) {
        let (x, y) = (rng.uniform(0.0, ground.width), rng.uniform(0.0, SCENE_HEIGHT));
        let half = (rng.uniform(3.0, 16.0) * scale, rng.uniform(2.0, 10.0) * scale);
        let step = rng.uniform(10.0, 35.0) * sign(rng);
        let machine = paint(rng, floor + step, 20.0);
        let shape = if rng.chance(0.7) {
            Shape::rectangle(pixels(x), pixels(y), half, 0.0)
        } else {
            Shape::disc(pixels(x), pixels(y), half.1)
        };
        canvas.fill(&shape, &machine, 0.9);
    }
    let step = 50.0 * sign(rng);
    let rail = flat(colour(rng, belt + step, 8.0));
    for y in [ground.top - 1.5, ground.bottom + 1.5] {
        let half = (width as f64, 1.5 * scale);
        canvas.fill(&Shape::rectangle(pixels(0.0), pixels(y), half, 0.0), &rail, 1.0);
    }
    grain(rng, &mut canvas, 3.0);
    canvas
}

/// The texture of the belt: cleats at irregular distances, with blotches between them.
fn draw_strip(rng: &mut Rng, belt: f64, height: usize, width: usize, scale: f64) -> Strip {
    let period = (LOOP * scale).round() as usize;
    let mut canvas = Canvas::new(period, height, scale);
    let base = colour(rng, belt, 14.0);
    for pixel in canvas.rgb.as_chunks_mut::<3>().0 {
        *pixel = base.map(|value| value as u8);
    }
    let tall = height as f64;
    // The loop is closed: what crosses its end comes in again at its start.
    let mut mark = |shape: &dyn Fn(f64) -> Shape, x: f64, step: f64, opacity: f64| {
        let paint = flat(base.map(|value| (value + step as f32).clamp(5.0, 250.0)));
        for turn in [-1.0, 0.0, 1.0] {
            let shape = shape(x + turn * period as f64);
            canvas.fill(&shape, &paint, opacity as f32);
        }
    };
    for _ in 0..period / 5 {
        let (x, y) = (rng.uniform(0.0, period as f64), rng.uniform(0.0, tall));
        let radius = rng.uniform(1.0, 5.0) * scale;
        let step = sign(rng) * rng.uniform(10.0, 34.0);
        mark(&|x| Shape::disc(x, y, radius), x, step, 0.7);
    }
    let mut x = 0.0;
    while x < LOOP - 10.0 {
        let (half, lean) = (rng.uniform(0.8, 2.4) * scale, rng.uniform(-0.12, 0.12));
        let step = sign(rng) * rng.uniform(22.0, 42.0);
        let bar = |x| Shape::rectangle(x, tall / 2.0, (half, tall), lean);
        mark(&bar, x * scale, step, 0.85);
        x += rng.uniform(8.0, 22.0);
    }
    grain(rng, &mut canvas, 5.0);

    // One canvas width more than the loop, and a pixel to interpolate with.
    let stride = (period + width + 1) * 3;
    let mut rgb = Vec::with_capacity(stride * height);
    for y in 0..height {
        let row = canvas.row(y);
        rgb.extend(row.iter().cycle().take(stride));
    }
    Strip { rgb, stride, period }
}

/// Roughens a texture.
fn grain(rng: &mut Rng, canvas: &mut Canvas, strength: f64) {
    for pixel in canvas.rgb.as_chunks_mut::<3>().0 {
        let step = rng.uniform(-strength, strength) as i16;
        *pixel = pixel.map(|value| (i16::from(value) + step).clamp(0, 255) as u8);
    }
}
