//! Operations that replace values by others, the same wherever they stand: one table for all colours, or one for each.

/// Replaces every value.
pub(super) fn each(rgb: &mut [u8], new: impl Fn(u8) -> u8) {
    let mut table = [0; 256];
    (0..=255).zip(&mut table).for_each(|(value, place)| *place = new(value));
    for value in rgb {
        *value = table[usize::from(*value)];
    }
}

/// Stretches each colour so that its least value becomes 0 and its largest 255 (Pillow's `ImageOps.autocontrast`).
pub(super) fn autocontrast(rgb: &mut [u8]) {
    let mut ranges = [(255, 0); 3];
    for pixel in rgb.as_chunks::<3>().0 {
        for ((least, most), &value) in ranges.iter_mut().zip(pixel) {
            (*least, *most) = (value.min(*least), value.max(*most));
        }
    }
    each_colour(
        rgb,
        ranges.map(|(least, most)| {
            let scale = 255.0 / (f64::from(most) - f64::from(least));
            let offset = -f64::from(least) * scale;
            move |value: u8| match most > least {
                true => (f64::from(value) * scale + offset) as u8, // `as` saturates
                false => value,
            }
        }),
    );
}

/// Gives each colour about as many pixels of every value (Pillow's `ImageOps.equalize`, in the form of imgaug, which
/// leaves out the pixels of value 255 where Pillow leaves out those of the largest value there is).
pub(super) fn equalize(rgb: &mut [u8]) {
    let mut counts = [[0u32; 256]; 3];
    for pixel in rgb.as_chunks::<3>().0 {
        for (counts, &value) in counts.iter_mut().zip(pixel) {
            counts[usize::from(value)] += 1;
        }
    }
    let tables = counts.map(|counts| {
        let mut table: [u8; 256] = std::array::from_fn(|value| value as u8);
        let step = counts[..255].iter().sum::<u32>() / 255;
        let several = counts.iter().filter(|count| **count > 0).count() > 1;
        if step > 0 && several {
            let mut below = step / 2;
            for (new, count) in table.iter_mut().zip(counts) {
                *new = (below / step).min(255) as u8;
                below += count;
            }
        }
        table
    });
    each_colour(rgb, tables.map(|table| move |value: u8| table[usize::from(value)]));
}

/// Replaces every value of each colour.
fn each_colour(rgb: &mut [u8], new: [impl Fn(u8) -> u8; 3]) {
    let tables: [[u8; 256]; 3] = new.map(|new| std::array::from_fn(|value| new(value as u8)));
    for pixel in rgb.as_chunks_mut::<3>().0 {
        *pixel = std::array::from_fn(|channel| tables[channel][usize::from(pixel[channel])]);
    }
}
