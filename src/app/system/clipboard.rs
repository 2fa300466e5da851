//! What is put into the clipboard is read back before the window says that it was copied.

use std::sync::{Arc, Mutex, PoisonError};

use arboard::ImageData;

use crate::engine::picture::Rgba;

#[derive(Clone, Debug, PartialEq)]
pub enum Clip {
    Text(String),
    Picture(Arc<Rgba>),
}

pub enum Clipboard {
    System,
    /// The window has a clipboard of its own, so that tests leave the system's alone.
    Held(Arc<Mutex<Option<Clip>>>),
}

impl Clipboard {
    /// Returns what was copied last into the window's own clipboard.
    pub fn held(&self) -> Option<Clip> {
        match self {
            Self::System => None,
            Self::Held(clip) => clip.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Puts something into the system's clipboard and reads it back, for which another program may take its time.
pub fn put_into_system(clip: Clip) -> Result<(), String> {
    // On X11 a window serves what was copied for as long as the program runs; egui-winit holds on to it.
    let mut clipboard = arboard::Clipboard::new().map_err(|error| format!("there is none here ({error})"))?;
    let is_there = match clip {
        Clip::Text(text) => clipboard.set_text(text.as_str()).and_then(|()| Ok(clipboard.get_text()? == text)),
        Clip::Picture(picture) => {
            let image =
                || ImageData { width: picture.width, height: picture.height, bytes: picture.bytes.as_slice().into() };
            clipboard.set_image(image()).and_then(|()| Ok(clipboard.get_image()?.bytes == picture.bytes))
        }
    };
    match is_there {
        Ok(true) => Ok(()),
        Ok(false) => Err("another program put something else there".into()),
        Err(error) => Err(error.to_string()),
    }
}
