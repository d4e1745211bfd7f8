//! How an institution looks on the pages that its sellers see.

use std::fmt;
use std::str::FromStr;

/// What an operator gave an institution beside its name. Either may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    pub colour: Option<Colour>,
    pub logo: Option<Logo>,
}

/// What is to be different; what is kept stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrandChange {
    pub colour: Change<Colour>,
    pub logo: Change<Logo>,
}

/// Everything that the brand has; what it has not is kept.
impl From<Brand> for BrandChange {
    fn from(brand: Brand) -> Self {
        Self {
            colour: brand.colour.map_or(Change::Kept, Change::Replaced),
            logo: brand.logo.map_or(Change::Kept, Change::Replaced),
        }
    }
}

/// What becomes of something that may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    #[default]
    Kept,
    Removed,
    Replaced(T),
}

impl<T> Change<T> {
    /// What comes in place of what was there.
    pub const fn new_value(&self) -> Option<&T> {
        match self {
            Self::Kept | Self::Removed => None,
            Self::Replaced(new) => Some(new),
        }
    }
}

/// A small picture, as it was read from a file. It was checked to be of the format that it names, and no more
/// than that: what shows it must treat its bytes as a picture and as nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    pub format: LogoFormat,
    /// In pixels.
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

impl Logo {
    /// More would make a page that is for phones a heavy one: it is written into the page.
    pub const MAX_BYTES: usize = 8 * 1024;
    /// The shortest and the longest side that there is a use for, in pixels.
    pub const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;
}

/// Without the bytes, which say nothing to a reader.
impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            format,
            width,
            height,
            bytes,
        } = self;
        write!(
            f,
            "Logo({} {width}x{height}, {} bytes)",
            format.media_type(),
            bytes.len()
        )
    }
}

/// A picture that cannot carry a script: SVG can, and is left out for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoFormat {
    Png,
    Jpeg,
    Webp,
}

impl LogoFormat {
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// As a `data:` URL and the database name it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.media_type() == media_type)
    }
}

/// An sRGB colour without transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// A text that is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is # and three or six hexadecimal digits, such as #0a5 or #00aa55")]
pub struct NotAColour;

impl Colour {
    pub const WHITE: Self = Self::from_number(0x00ff_ffff);
    pub const BLACK: Self = Self::from_number(0);

    /// The colour as one number, `0xrrggbb`.
    pub const fn number(self) -> u32 {
        u32::from_be_bytes([0, self.red, self.green, self.blue])
    }

    /// The colour of such a number; what is above `0xffffff` in it is left out.
    pub const fn from_number(number: u32) -> Self {
        let [_, red, green, blue] = number.to_be_bytes();
        Self { red, green, blue }
    }

    /// What is read best on this colour: white or black. The better of the two always has a contrast of at
    /// least 4.58, since the product of both is 21; WCAG's level AA asks for 4.5.
    /// <https://www.w3.org/TR/WCAG22/#contrast-minimum>
    #[must_use]
    pub fn text_on_it(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// From 1, for the same colour, to 21, for black and white:
    /// <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// From 0, for black, to 1, for white: <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
    fn luminance(self) -> f64 {
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

/// The light of a channel. The threshold is that of the sRGB standard, as WCAG 2.2 has it.
fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// `#rrggbb`, as CSS writes it.
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:06x}", self.number())
    }
}

impl FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let digits = text.strip_prefix('#').ok_or(NotAColour)?;
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAColour);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| NotAColour)?;
        match digits.len() {
            6 => Ok(Self::from_number(number)),
            // Each digit stands for two of its kind.
            3 => {
                let digit = |shift: u32| (number >> shift & 0xf) * 0x11;
                Ok(Self::from_number(digit(8) << 16 | digit(4) << 8 | digit(0)))
            }
            _ => Err(NotAColour),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn colours_are_read_as_css_writes_them() {
        for (text, read) in [
            ("#0a5", Some("#00aa55")),
            ("#00aa55", Some("#00aa55")),
            ("#00AA55", Some("#00aa55")),
            ("#fff", Some("#ffffff")),
            ("#000000", Some("#000000")),
            ("#123", Some("#112233")),
            ("0a5", None),
            ("#0a", None),
            ("#0a55", None),
            ("#00aa5", None),
            ("#00aa55ff", None),
            ("#+0a555", None),
            ("#-12", None),
            ("#xyz", None),
            ("#０ａ５", None),
            ("green", None),
            ("#fff;}", None),
            ("", None),
            ("#", None),
        ] {
            let parsed = text.parse::<Colour>().map(|colour| colour.to_string());
            assert_eq!(parsed.ok().as_deref(), read, "{text}");
        }
    }

    #[test]
    fn a_colour_is_its_number() {
        assert_eq!(colour("#0a0b0c").number(), 0x000a_0b0c);
        assert_eq!(Colour::from_number(0x000a_0b0c), colour("#0a0b0c"));
        assert_eq!(Colour::from_number(0xff0a_0b0c), colour("#0a0b0c"));
    }

    /// Ratios that are known from elsewhere.
    #[test]
    fn contrast_is_that_of_the_standard() {
        for (one, other, ratio) in [
            ("#000", "#fff", 21.0),
            ("#fff", "#fff", 1.0),
            // The lightest grey that white text or that black text may still have around it.
            ("#767676", "#fff", 4.54),
            ("#777", "#fff", 4.48),
            ("#757575", "#000", 4.56),
            ("#00f", "#fff", 8.59),
            ("#f00", "#fff", 4.0),
            ("#f00", "#000", 5.25),
            ("#0f0", "#000", 15.3),
        ] {
            let (one, other) = (colour(one), colour(other));
            let difference = (one.contrast(other) - ratio).abs();
            assert!(difference < 0.006, "{one} {other}: {}", one.contrast(other));
            assert!((one.contrast(other) - other.contrast(one)).abs() < 1e-12);
        }
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        // All three channels by steps of five: 52³ colours, the corners and all greys of these among them.
        let steps = || (0..=255_u8).step_by(5);
        let mut chosen = [0_u32; 2];
        for red in steps() {
            for green in steps() {
                for blue in steps() {
                    let background = Colour { red, green, blue };
                    let text = background.text_on_it();
                    let contrast = background.contrast(text);
                    assert!(contrast >= 4.5, "{text} on {background}: {contrast}");
                    chosen[usize::from(text == Colour::WHITE)] += 1;
                }
            }
        }
        assert!(chosen.iter().all(|&count| count > 40_000), "{chosen:?}");
        for (background, text) in [
            ("#000", "#ffffff"),
            ("#fff", "#000000"),
            ("#00aa55", "#000000"),
            ("#ffd400", "#000000"),
            ("#0b3d91", "#ffffff"),
            ("#c00", "#ffffff"),
            // The two greys between which the choice turns.
            ("#757575", "#ffffff"),
            ("#767676", "#000000"),
        ] {
            let chosen = colour(background).text_on_it().to_string();
            assert_eq!(chosen, text, "{background}");
        }
    }

    #[test]
    fn a_logo_is_printed_without_its_bytes() {
        let logo = Logo {
            format: LogoFormat::Png,
            width: 120,
            height: 40,
            bytes: vec![7; 900],
        };
        assert_eq!(format!("{logo:?}"), "Logo(image/png 120x40, 900 bytes)");
        for format in LogoFormat::ALL {
            let named = LogoFormat::from_media_type(format.media_type());
            assert_eq!(named, Some(format));
        }
        assert_eq!(LogoFormat::from_media_type("image/svg+xml"), None);
    }
}
