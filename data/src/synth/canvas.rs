//! A small rasteriser: fills anti-aliased shapes, touching only the pixels in their boxes.

use super::shape::Shape;

/// A colour for the inside of a shape and one for its rim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Paint {
    /// Inside, as red, green and blue from 0 to 255.
    pub(super) body: [f32; 3],
    /// Rim.
    pub(super) rim: [f32; 3],
}

/// A picture to draw on, with scene coordinates.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    /// Width in pixels.
    pub(super) width: usize,
    /// Height in pixels.
    pub(super) height: usize,
    /// Three bytes per pixel.
    pub(super) rgb: Vec<u8>,
    /// Width of a rim, in pixels.
    rim: f32,
}

impl Canvas {
    /// A black canvas; `scale` is pixels per scene pixel.
    pub(super) fn new(width: usize, height: usize, scale: f64) -> Self {
        Self { width, height, rgb: vec![0; width * height * 3], rim: (1.3 * scale) as f32 }
    }

    /// The bytes of one row.
    pub(super) fn row(&mut self, y: usize) -> &mut [u8] {
        &mut self.rgb[y * self.width * 3..][..self.width * 3]
    }

    /// Fills a shape; `opacity` is from 0 to 1.
    pub(super) fn fill(&mut self, shape: &Shape, paint: &Paint, opacity: f32) {
        let (left, top, right, bottom) = shape.bounds();
        let first = |edge: f32| (edge.floor() - 1.0).max(0.0) as usize;
        let last = |edge: f32, size: usize| ((edge.ceil() + 1.0).max(0.0) as usize).min(size);
        let (x0, x1) = (first(left), last(right, self.width));
        let (y0, y1) = (first(top), last(bottom, self.height));
        if x0 >= x1 {
            return;
        }
        for y in y0..y1 {
            let row = &mut self.rgb[(y * self.width + x0) * 3..(y * self.width + x1) * 3];
            for (x, pixel) in (x0..x1).zip(row.as_chunks_mut::<3>().0) {
                let distance = shape.distance(x as f32 + 0.5, y as f32 + 0.5);
                if distance >= 0.5 {
                    continue;
                }
                let cover = (0.5 - distance).min(1.0) * opacity;
                let rim = (distance + self.rim + 0.5).clamp(0.0, 1.0);
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let (body, edge) = (paint.body[channel], paint.rim[channel]);
                    let colour = body + (edge - body) * rim;
                    let under = f32::from(*value);
                    *value = (under + (colour - under) * cover + 0.5) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Paint = Paint { body: [255.0; 3], rim: [255.0; 3] };

    #[test]
    fn a_shape_covers_its_area_wherever_it_lies() {
        for shift in [0.0, 0.25, 0.6] {
            let mut canvas = Canvas::new(20, 20, 1.0);
            let shape = Shape::rectangle(10.0 + shift, 10.0, (4.0, 3.0), 0.0);
            canvas.fill(&shape, &WHITE, 1.0);
            let sum: f64 = canvas.rgb.iter().map(|&v| f64::from(v)).sum();
            assert!((sum / (3.0 * 255.0) - 48.0).abs() < 0.5);
        }
    }

    #[test]
    fn a_shape_outside_changes_nothing() {
        let mut canvas = Canvas::new(20, 20, 1.0);
        for (x, y) in [(-30.0, 5.0), (60.0, 5.0), (5.0, -30.0), (5.0, 60.0)] {
            canvas.fill(&Shape::disc(x, y, 5.0), &WHITE, 1.0);
        }
        assert!(canvas.rgb.iter().all(|&v| v == 0));
    }
}
