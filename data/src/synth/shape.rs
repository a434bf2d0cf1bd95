//! Outlines that the rasteriser can fill: each knows how far any point is from its edge.

/// A convex shape in pixels of the canvas.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Every point within `radius` of the stroke from `a` to `b`; a disc if they are the same.
    Stroke { a: (f32, f32), b: (f32, f32), radius: f32 },
    /// A rectangle with a hexagon's cut corners where `cut` asks for it.
    Polygon {
        centre: (f32, f32),
        /// Unit normal and distance from the centre of each side.
        sides: [(f32, f32, f32); 6],
        count: usize,
        /// Half the size of the box around it.
        half: (f32, f32),
    },
}

impl Shape {
    /// A disc.
    pub(super) fn disc(x: f64, y: f64, radius: f64) -> Self {
        Self::stroke((x, y), (x, y), radius)
    }

    /// A stroke with round ends.
    pub(super) fn stroke(a: (f64, f64), b: (f64, f64), radius: f64) -> Self {
        Self::Stroke { a: (a.0 as f32, a.1 as f32), b: (b.0 as f32, b.1 as f32), radius: radius as f32 }
    }

    /// A rectangle of half size `(w, h)`, turned by `angle`.
    pub(super) fn rectangle(x: f64, y: f64, (w, h): (f64, f64), angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (s, c) = (sin as f32, cos as f32);
        let mut sides = [(0.0, 0.0, 0.0); 6];
        sides[0] = (c, s, w as f32);
        sides[1] = (-c, -s, w as f32);
        sides[2] = (-s, c, h as f32);
        sides[3] = (s, -c, h as f32);
        let half = ((w * cos).abs() + (h * sin).abs(), (w * sin).abs() + (h * cos).abs());
        Self::Polygon { centre: (x as f32, y as f32), sides, count: 4, half: (half.0 as f32, half.1 as f32) }
    }

    /// A hexagon whose corners are `radius` from its centre.
    pub(super) fn hexagon(x: f64, y: f64, radius: f64, angle: f64) -> Self {
        let inner = radius * 0.75f64.sqrt();
        let sides = std::array::from_fn(|k| {
            let (sin, cos) = (angle + k as f64 * std::f64::consts::FRAC_PI_3).sin_cos();
            (cos as f32, sin as f32, inner as f32)
        });
        Self::Polygon { centre: (x as f32, y as f32), sides, count: 6, half: (radius as f32, radius as f32) }
    }

    /// Left, top, right and bottom of the box around it.
    pub(super) fn bounds(&self) -> (f32, f32, f32, f32) {
        match *self {
            Self::Stroke { a, b, radius } => {
                (a.0.min(b.0) - radius, a.1.min(b.1) - radius, a.0.max(b.0) + radius, a.1.max(b.1) + radius)
            }
            Self::Polygon { centre, half, .. } => {
                (centre.0 - half.0, centre.1 - half.1, centre.0 + half.0, centre.1 + half.1)
            }
        }
    }

    /// Distance of a point from the edge, negative inside. Exact inside and beside the sides, which is where the edge
    /// is drawn.
    pub(super) fn distance(&self, x: f32, y: f32) -> f32 {
        match self {
            Self::Stroke { a, b, radius } => {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let (px, py) = (x - a.0, y - a.1);
                let length = dx * dx + dy * dy;
                let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
                let (ex, ey) = (px - along * dx, py - along * dy);
                (ex * ex + ey * ey).sqrt() - radius
            }
            Self::Polygon { centre, sides, count, .. } => {
                let (px, py) = (x - centre.0, y - centre.1);
                sides[..*count].iter().map(|&(nx, ny, d)| nx * px + ny * py - d).fold(f32::NEG_INFINITY, f32::max)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_negative_inside_and_grows_outwards() {
        let shapes = [
            Shape::disc(10.0, 10.0, 4.0),
            Shape::stroke((8.0, 10.0), (12.0, 10.0), 3.0),
            Shape::rectangle(10.0, 10.0, (5.0, 3.0), 0.3),
            Shape::hexagon(10.0, 10.0, 5.0, 0.1),
        ];
        for shape in shapes {
            assert!(shape.distance(10.0, 10.0) <= -3.0 + 1e-5);
            assert!(shape.distance(20.0, 10.0) > 2.0);
        }
    }

    #[test]
    fn a_shape_lies_within_its_bounds() {
        let shape = Shape::rectangle(10.0, 10.0, (7.0, 2.0), 0.6);
        let (left, top, right, bottom) = shape.bounds();
        for k in 0..2000 {
            let (x, y) = ((k % 50) as f32 * 0.4, (k / 50) as f32 * 0.5);
            if shape.distance(x, y) < 0.0 {
                assert!(x >= left && x <= right && y >= top && y <= bottom);
            }
        }
    }
}
