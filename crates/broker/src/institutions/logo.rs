//! A picture that an operator gives an institution.

use domain::{Logo, LogoFormat};
use imagesize::ImageType;

use super::OperatorError;

/// Reads the bytes of a file. What it is say its first bytes, and not its name; how large it is drawn says its
/// header.
pub fn read_logo(bytes: Vec<u8>) -> Result<Logo, OperatorError> {
    let invalid = |problem: String| Err(OperatorError::Invalid(problem));
    if bytes.len() > Logo::MAX_BYTES {
        return invalid(format!("the logo has more than {} bytes", Logo::MAX_BYTES));
    }
    let Some(format) = format_of(&bytes) else {
        return invalid("the logo is no PNG, JPEG or WebP".to_owned());
    };
    let Ok(drawn) = imagesize::blob_size(&bytes) else {
        return invalid("the logo is damaged: it does not say how large it is".to_owned());
    };
    let side = |pixels: usize| {
        let pixels = u32::try_from(pixels).ok();
        pixels.filter(|pixels| Logo::SIDES.contains(pixels))
    };
    let (Some(width), Some(height)) = (side(drawn.width), side(drawn.height)) else {
        return invalid(format!(
            "the logo has {}x{} pixels, and each side may have {} to {}",
            drawn.width,
            drawn.height,
            Logo::SIDES.start(),
            Logo::SIDES.end()
        ));
    };
    Ok(Logo {
        format,
        width,
        height,
        bytes,
    })
}

/// The library knows formats that no page of ours shows.
fn format_of(bytes: &[u8]) -> Option<LogoFormat> {
    match imagesize::image_type(bytes).ok()? {
        ImageType::Png => Some(LogoFormat::Png),
        ImageType::Jpeg => Some(LogoFormat::Jpeg),
        ImageType::Webp => Some(LogoFormat::Webp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        // A comment stands before the frame, as in files of cameras.
        let mut bytes = b"\xff\xd8\xff\xfe\0\x06note\xff\xc0\0\x11\x08".to_vec();
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        bytes
    }

    fn webp(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f".to_vec();
        bytes.extend(((width - 1) | ((height - 1) << 14)).to_le_bytes());
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn what_a_picture_is_its_bytes_say() {
        for (bytes, format) in [
            (png(120, 40), LogoFormat::Png),
            (jpeg(120, 40), LogoFormat::Jpeg),
            (webp(120, 40), LogoFormat::Webp),
        ] {
            let logo = read_logo(bytes.clone()).unwrap();
            let expected = Logo {
                format,
                width: 120,
                height: 40,
                bytes,
            };
            assert_eq!(logo, expected);
        }
    }

    #[test]
    fn what_no_page_can_show_is_refused_with_its_reason() {
        let mut large = png(120, 40);
        large.resize(Logo::MAX_BYTES + 1, 0);
        for (bytes, problem) in [
            (Vec::new(), "no PNG, JPEG or WebP"),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
                "no PNG",
            ),
            (b"GIF89a\x78\0\x28\0\x80\0\0\0".to_vec(), "no PNG"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(), "damaged"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01".to_vec(), "damaged"),
            (b"\xff\xd8\xff\0not a picture".to_vec(), "damaged"),
            (b"RIFF\x1a\0\0\0WEBPVP8?".to_vec(), "damaged"),
            (large, "more than 8192 bytes"),
            (
                png(15, 40),
                "15x40 pixels, and each side may have 16 to 1024",
            ),
            (png(1025, 40), "1025x40"),
            (png(40, u32::MAX), "40x4294967295"),
            (jpeg(0, 40), "0x40"),
        ] {
            let error = read_logo(bytes).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}: {problem}");
        }
        for side in [16, 1024] {
            assert!(read_logo(png(side, side)).is_ok());
        }
    }
}
