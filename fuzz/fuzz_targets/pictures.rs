//! Decodes a picture of any format: what is read here is TIFF's directories and values, the previews of raw files, the
//! directories of icons, the markers of JPEGs, the colours of PNGs; the image library reads the rest.
#![no_main]

use doppelganger_engine::picture::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match decode(bytes, "a picture") {
        Ok(picture) => {
            assert!(matches!(picture.channels, 1 | 3) && picture.width > 0 && picture.height > 0);
            assert_eq!(picture.bytes.len(), picture.width * picture.height * picture.channels);
        }
        Err(why) => assert!(why.to_string().contains("a picture")),
    }
});
