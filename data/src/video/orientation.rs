//! Turning decoded pictures the way the file says they are to be shown.
//!
//! Telephones store pictures as the sensor sees them and write a matrix beside them.

use super::Picture;
use super::bytes::Bytes;
use super::error::Problem;

/// A right-angle turn, perhaps with a reflection: first the axes are swapped (or not), then each may be reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orientation {
    /// Columns become rows.
    swapped: bool,
    /// The shown picture runs against its source from left to right.
    reverse_x: bool,
    /// The shown picture runs against its source from top to bottom.
    reverse_y: bool,
}

impl Orientation {
    /// Reads a 3x3 display matrix (tkhd). What is no right-angle turn counts as none.
    pub(crate) fn from_matrix(content: &mut Bytes) -> Result<Orientation, Problem> {
        let mut read = [0; 5];
        for value in &mut read {
            *value = content.i32()?;
        }
        let [a, b, _, c, d] = read;
        Ok(Self::new([a, b, c, d]))
    }

    /// The turn of x' = a x + c y, y' = b x + d y, of which only the signs matter.
    pub(crate) fn new([a, b, c, d]: [i32; 4]) -> Orientation {
        match (a, b, c, d) {
            (0, b, c, 0) if b != 0 && c != 0 => Orientation { swapped: true, reverse_x: c < 0, reverse_y: b < 0 },
            (a, 0, 0, d) if a != 0 && d != 0 => Orientation { swapped: false, reverse_x: a < 0, reverse_y: d < 0 },
            _ => Orientation::default(),
        }
    }

    /// This turn, and then another.
    pub(crate) fn then(self, next: Orientation) -> Orientation {
        let (x, y) = if next.swapped { (self.reverse_y, self.reverse_x) } else { (self.reverse_x, self.reverse_y) };
        Orientation {
            swapped: self.swapped != next.swapped,
            reverse_x: x != next.reverse_x,
            reverse_y: y != next.reverse_y,
        }
    }

    /// Clockwise degrees of the turn (of the part that is no reflection).
    pub(crate) fn degrees(self) -> u32 {
        match (self.swapped, self.reverse_x, self.reverse_y) {
            (false, _, false) => 0,
            (false, _, true) => 180,
            (true, true, _) => 90,
            (true, false, _) => 270,
        }
    }

    /// Width and height as shown.
    pub(crate) fn size(self, width: usize, height: usize) -> (usize, usize) {
        self.size_of((width, height))
    }

    /// Of something that has a width and a height.
    pub(crate) fn size_of<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swapped { (height, width) } else { (width, height) }
    }

    /// Turns a picture.
    pub(crate) fn apply(self, picture: Picture) -> Picture {
        if self == Orientation::default() {
            return picture;
        }
        let (width, height) = self.size(picture.width, picture.height);
        let mut rgb = Vec::with_capacity(picture.rgb.len());
        for y in 0..height {
            let y = if self.reverse_y { height - 1 - y } else { y };
            for x in 0..width {
                let x = if self.reverse_x { width - 1 - x } else { x };
                let (column, row) = if self.swapped { (y, x) } else { (x, y) };
                let at = (row * picture.width + column) * 3;
                rgb.extend_from_slice(&picture.rgb[at..at + 3]);
            }
        }
        Picture { width, height, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 3 x 2 whose pixels are numbered.
    fn numbered() -> Picture {
        Picture { width: 3, height: 2, rgb: (0..6).flat_map(|n| [n; 3]).collect() }
    }

    fn turned(matrix: [i32; 4]) -> (Orientation, Picture) {
        let [a, b, c, d] = matrix;
        let bytes: Vec<u8> = [a, b, 0, c, d, 0].iter().flat_map(|value| (value << 16).to_be_bytes()).collect();
        let orientation = Orientation::from_matrix(&mut Bytes::new(&bytes)).unwrap();
        (orientation, orientation.apply(numbered()))
    }

    fn numbers(picture: &Picture) -> Vec<u8> {
        picture.rgb.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_quarter_turn_clockwise_puts_the_first_column_on_top_from_right_to_left() {
        let (orientation, picture) = turned([0, 1, -1, 0]);
        assert_eq!((orientation.degrees(), picture.width, picture.height), (90, 2, 3));
        assert_eq!(numbers(&picture), [3, 0, 4, 1, 5, 2]);
    }

    #[test]
    fn a_quarter_turn_the_other_way_puts_the_last_column_on_top() {
        let (orientation, picture) = turned([0, -1, 1, 0]);
        assert_eq!(orientation.degrees(), 270);
        assert_eq!(numbers(&picture), [2, 5, 1, 4, 0, 3]);
    }

    #[test]
    fn half_a_turn_reverses_everything() {
        let (orientation, picture) = turned([-1, 0, 0, -1]);
        assert_eq!(orientation.degrees(), 180);
        assert_eq!(numbers(&picture), [5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_mirror_reverses_rows_only() {
        assert_eq!(numbers(&turned([-1, 0, 0, 1]).1), [2, 1, 0, 5, 4, 3]);
    }

    #[test]
    fn turns_in_a_row_are_one_turn() {
        let matrices = [[1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0], [-1, 0, 0, 1], [0, 1, 1, 0]];
        for first in matrices {
            for second in matrices {
                let ((a, once), (b, _)) = (turned(first), turned(second));
                assert_eq!(a.then(b).apply(numbered()).rgb, b.apply(once).rgb, "{first:?} then {second:?}");
            }
        }
    }

    #[test]
    fn no_turn_and_nonsense_change_nothing() {
        assert_eq!(numbers(&turned([1, 0, 0, 1]).1), [0, 1, 2, 3, 4, 5]);
        assert_eq!(numbers(&turned([1, 1, 0, 0]).1), [0, 1, 2, 3, 4, 5]);
    }
}
