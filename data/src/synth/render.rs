//! Draws single frames of a generated video.

use super::camera::Camera;
use super::canvas::Canvas;
use super::ease::mix;
use super::look::Look;
use super::options::{Source, Subset, SynthOptions};
use super::parts::{Outline, PartLook};
use super::pose::{ArmPose, HandPose};
use super::scene::Scene;
use super::shape::Shape;

/// Draws any frame of one video, in any order: it keeps nothing of a frame for the next.
#[derive(Debug)]
pub struct Renderer {
    scene: Scene,
    look: Look,
    camera: Camera,
    canvas: Canvas,
    pen: Pen,
}

impl Renderer {
    /// The renderer of video `index` of a subset.
    pub fn new(options: &SynthOptions, subset: Subset, index: usize) -> Self {
        Self::draw(options.source(subset, index), options)
    }

    pub(super) fn draw(source: Source, options: &SynthOptions) -> Self {
        let scene = Scene::draw(source, options);
        let (scale, pad) = (options.scale(), Camera::pad(options));
        let (width, height) = (options.width + 2 * pad, options.height + 2 * pad);
        let look = Look::new(source, options, scene.script.ground, pad, (width, height));
        Self {
            camera: Camera::new(source, options, scene.script.frames),
            canvas: Canvas::new(width, height, scale),
            pen: Pen { scale, pad: pad as f64 },
            scene,
            look,
        }
    }

    /// What it draws.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Draws `frame` into `rgb`: three bytes per pixel, row by row.
    ///
    /// # Panics
    ///
    /// If the video has no such frame, or `rgb` is not of the size of the picture.
    pub fn frame(&mut self, frame: usize, rgb: &mut [u8]) {
        let (look, pen, canvas) = (&self.look, self.pen, &mut self.canvas);
        let moment = self.scene.at(frame);
        let time = frame as f64 / f64::from(self.scene.script.fps);

        // The belt covers whatever the background has in its rows.
        let stride = canvas.width * 3;
        let (above, below) = (look.rows.start * stride, look.rows.end * stride);
        canvas.rgb[..above].copy_from_slice(&look.background.rgb[..above]);
        canvas.rgb[below..].copy_from_slice(&look.background.rgb[below..]);
        let from = -pen.pad - moment.belt * pen.scale;
        for (row, y) in look.rows.clone().enumerate() {
            look.strip.view(row, from, canvas.row(y));
        }

        if let Some(lamp) = &look.lamp {
            let bulb = pen.disc(lamp.place.0, lamp.place.1, 3.0);
            canvas.fill(&bulb, lamp.paint(time), 1.0);
        }
        for part in &moment.parts {
            pen.part(canvas, look, &part.look, part.x, part.y);
        }
        if let Some(arm) = &moment.arm {
            pen.arm(canvas, look, arm);
        }
        if let Some(hand) = &moment.hand {
            pen.hand(canvas, look, hand);
        }
        self.camera.take(canvas, frame, rgb);
    }
}

/// How much larger a part looks in the gripper than on the belt.
const LIFTED: f64 = 1.3;

/// Draws things, from scene pixels to pixels of the canvas.
#[derive(Debug, Clone, Copy)]
struct Pen {
    scale: f64,
    pad: f64,
}

impl Pen {
    fn pixels(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x * self.scale + self.pad, y * self.scale + self.pad)
    }

    fn disc(&self, x: f64, y: f64, radius: f64) -> Shape {
        let (x, y) = self.pixels((x, y));
        Shape::disc(x, y, radius * self.scale)
    }

    fn stroke(&self, a: (f64, f64), b: (f64, f64), radius: f64) -> Shape {
        Shape::stroke(self.pixels(a), self.pixels(b), radius * self.scale)
    }

    fn rectangle(&self, x: f64, y: f64, (w, h): (f64, f64), angle: f64) -> Shape {
        let (x, y) = self.pixels((x, y));
        Shape::rectangle(x, y, (w * self.scale, h * self.scale), angle)
    }

    fn part(&self, canvas: &mut Canvas, look: &Look, part: &PartLook, x: f64, y: f64) {
        let radius = part.radius;
        let shape = match part.outline {
            Outline::Disc => self.disc(x, y, radius),
            Outline::Rectangle => self.rectangle(x, y, (radius, 0.7 * radius), part.angle),
            Outline::Hexagon => {
                let (x, y) = self.pixels((x, y));
                Shape::hexagon(x, y, radius * self.scale, part.angle)
            }
        };
        canvas.fill(&shape, &look.parts[part.paint], 1.0);
    }

    fn arm(&self, canvas: &mut Canvas, look: &Look, arm: &ArmPose) {
        let (x, y) = (arm.x, arm.y);
        let above = y - 9.0;
        // Down from beyond the upper edge of the picture.
        let long = (above + 20.0) / 2.0;
        if long > 0.0 {
            let rod = self.rectangle(x, above - long, (6.5, long), 0.0);
            canvas.fill(&rod, &look.arm, 1.0);
        }
        canvas.fill(&self.rectangle(x, above, (11.0, 4.0), 0.0), &look.arm, 1.0);
        if let Some(part) = &arm.load {
            // Nearer to the camera than on the belt.
            let lifted = PartLook { radius: LIFTED * part.radius, ..*part };
            self.part(canvas, look, &lifted, x, y);
        }
        let apart = mix(6.5, 11.0, arm.opening);
        for side in [-1.0, 1.0] {
            let jaw = self.rectangle(x + side * apart, y - 1.0, (2.3, 7.0), 0.0);
            canvas.fill(&jaw, &look.jaws, 1.0);
        }
    }

    fn hand(&self, canvas: &mut Canvas, look: &Look, hand: &HandPose) {
        let tips = (hand.x, hand.y);
        let elbow = (hand.elbow, hand.y + 60.0);
        // From the fingertips back along the forearm, and across it.
        let (dx, dy) = (elbow.0 - tips.0, elbow.1 - tips.1);
        let length = dx.hypot(dy);
        let (dx, dy) = (dx / length, dy / length);
        let at = |back: f64, across: f64| (tips.0 + back * dx - across * dy, tips.1 + back * dy + across * dx);
        let forearm = self.stroke(at(24.0, 0.0), elbow, 7.5);
        canvas.fill(&forearm, &look.sleeve, 1.0);
        for (reach, across) in [(2.5, -5.2), (0.0, 0.0), (2.5, 5.2)] {
            let finger = self.stroke(at(reach + 2.6, across), at(12.0, 0.8 * across), 2.6);
            canvas.fill(&finger, &look.glove, 1.0);
        }
        let palm = self.stroke(at(14.0, 0.0), at(18.0, 0.0), 7.5);
        canvas.fill(&palm, &look.glove, 1.0);
    }
}
