//! Lines differ in colour, dashes and the shape of their points, so that they can be told apart in grey, too.

/// The colours of Okabe and Ito, "Color universal design", 2008, without the yellow, which is too pale on white: people
/// with any kind of colour vision tell them apart.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

pub const BLACK: usize = 6;

/// All colours of Okabe and Ito, in an order in which those that follow each other differ in lightness; then those of
/// the label and of what is left, which are grey.
const FILLS: [[u8; 3]; 10] = [
    [0x00, 0x72, 0xb2],
    [0xe6, 0x9f, 0x00],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0xcc, 0x79, 0xa7],
    [0x56, 0xb4, 0xe9],
    [0xd5, 0x5e, 0x00],
    [0x00, 0x00, 0x00],
    [0xf2, 0xf2, 0xf2],
    [0x8a, 0x8a, 0x8a],
];

/// This fills an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(usize);

impl Fill {
    const LABEL: Self = Self(8);
    pub const OTHERS: Self = Self(9);

    /// Returns the fill of the class of this number, or without one that of the label.
    pub fn of(rank: Option<usize>) -> Self {
        match rank {
            None => Self::LABEL,
            Some(rank) if rank < Self::LABEL.0 => Self(rank),
            Some(_) => Self::OTHERS,
        }
    }

    pub fn rgb(self) -> [u8; 3] {
        FILLS[self.0]
    }

    pub fn hex(self) -> String {
        let [red, green, blue] = self.rgb();
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Returns black or white, whichever can be read on it.
    pub fn ink(self) -> &'static str {
        let [red, green, blue] = self.rgb().map(f32::from);
        if 0.299 * red + 0.587 * green + 0.114 * blue > 140.0 { "#000000" } else { "#ffffff" }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    LongDashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Ring,
    Frame,
    /// It marks a place, and is no marker of a line.
    Plus,
}

/// A pen draws one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pen {
    /// The number of the colour; after the last one they begin again.
    pub colour: usize,
    pub dash: Dash,
    pub marker: Option<Marker>,
}

impl Dash {
    const ALL: [Self; 4] = [Self::Solid, Self::Dashed, Self::Dotted, Self::LongDashed];

    /// Returns the lengths of dashes and gaps, in points of a typical line; none for a solid line.
    pub fn lengths(self) -> Option<[f64; 2]> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some([4.0, 2.0]),
            Self::Dotted => Some([1.2, 1.6]),
            Self::LongDashed => Some([8.0, 2.5]),
        }
    }
}

impl Marker {
    const ALL: [Self; 6] = [Self::Circle, Self::Square, Self::Triangle, Self::Diamond, Self::Ring, Self::Frame];

    /// Returns the marker of the line of this number.
    pub fn nth(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }
}

impl Pen {
    /// Returns the pen of the line of this number: colours and markers change first, dashes after them.
    pub fn nth(number: usize) -> Self {
        let dash = Dash::ALL[number / COLOURS.len() % Dash::ALL.len()];
        Self { colour: number, dash, marker: Some(Marker::nth(number)) }
    }

    pub fn plain(colour: usize, dash: Dash) -> Self {
        Self { colour, dash, marker: None }
    }

    pub fn hex(self) -> &'static str {
        COLOURS[self.colour % COLOURS.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_lines_have_pens_of_their_own() {
        let pens: Vec<Pen> = (0..40).map(Pen::nth).collect();
        let look = |pen: &Pen| (pen.hex(), pen.dash, pen.marker);
        for (at, pen) in pens.iter().enumerate() {
            assert!(pens[..at].iter().all(|other| look(other) != look(pen)), "{at}");
        }
    }
}
