//! Slow things that the window does not wait for: file dialogs, pasted pictures, thumbnails. Each runs on a thread of
//! its own and posts what came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use eframe::egui::{ColorImage, Context};

use super::panes::Thumbnail;
use crate::engine::picture::Picture;

/// What a thread reports.
pub enum Incoming {
    Thumbnail(Thumbnail),
    /// The system's dialog ended; `None` when it was cancelled or could not be shown, which cannot be told apart.
    Opened(Option<PathBuf>),
    SaveChosen(Option<PathBuf>),
    Pasted(Arc<Picture>),
}

/// Starts such threads and collects their reports.
pub struct Background {
    ctx: Context,
    send: SyncSender<Incoming>,
    receive: Receiver<Incoming>,
    dialog_open: bool,
}

impl Background {
    pub fn new(ctx: Context) -> Self {
        let (send, receive) = sync_channel(32);
        Self { ctx, send, receive, dialog_open: false }
    }

    pub fn poll(&mut self) -> Option<Incoming> {
        let incoming = self.receive.try_recv().ok()?;
        if matches!(incoming, Incoming::Opened(_) | Incoming::SaveChosen(_)) {
            self.dialog_open = false;
        }
        Some(incoming)
    }

    /// Runs `work` on a named thread; it is given a function that posts a report and wakes the window.
    fn start(&self, name: &str, work: impl FnOnce(&mut dyn FnMut(Incoming)) + Send + 'static) -> std::io::Result<()> {
        let (ctx, send) = (self.ctx.clone(), self.send.clone());
        std::thread::Builder::new().name(name.into()).spawn(move || {
            work(&mut |incoming| {
                // The window is gone when this fails, and then nobody waits for the report.
                let _ = send.send(incoming);
                ctx.request_repaint();
            });
        })?;
        Ok(())
    }

    pub fn thumbnails(&self) -> std::io::Result<()> {
        self.start("thumbnails", |post| super::panes::make_thumbnails(|thumbnail| post(Incoming::Thumbnail(thumbnail))))
    }

    /// Asks the system for a file to open.
    pub fn ask_open(&mut self) -> std::io::Result<()> {
        if std::mem::replace(&mut self.dialog_open, true) {
            return Ok(());
        }
        // The dialog's future is made here, on the window's thread, as some systems demand, and awaited elsewhere.
        let answer = rfd::AsyncFileDialog::new()
            .set_title("Open a picture")
            .add_filter("Pictures", &["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif"])
            .pick_file();
        self.start("open dialog", move |post| {
            post(Incoming::Opened(pollster::block_on(answer).map(|file| file.path().to_owned())));
        })
    }

    /// Asks the system where to save.
    pub fn ask_save(&mut self, proposal: &Path) -> std::io::Result<()> {
        if std::mem::replace(&mut self.dialog_open, true) {
            return Ok(());
        }
        let mut dialog =
            rfd::AsyncFileDialog::new().set_title("Save the adversarial picture").add_filter("PNG", &["png"]);
        if let Some(name) = proposal.file_name() {
            dialog = dialog.set_file_name(name.to_string_lossy());
        }
        if let Some(folder) = proposal.parent().filter(|folder| folder.is_dir()) {
            dialog = dialog.set_directory(folder);
        }
        let answer = dialog.save_file();
        self.start("save dialog", move |post| {
            post(Incoming::SaveChosen(pollster::block_on(answer).map(|file| file.path().to_owned())));
        })
    }

    /// Turns a picture of the clipboard into one for the nets.
    pub fn paste(&self, image: Arc<ColorImage>) -> std::io::Result<()> {
        self.start("paste", move |post| post(Incoming::Pasted(Arc::new(picture_from_clipboard(&image)))))
    }
}

/// Transparent parts are laid on white, as paper is.
fn picture_from_clipboard(image: &ColorImage) -> Picture {
    let mut transparent = false;
    let bytes = image
        .pixels
        .iter()
        .flat_map(|pixel| {
            transparent |= pixel.a() < 255;
            let white = 255 - pixel.a();
            // Colours are premultiplied, so that white shines through by what is missing from opaque.
            [pixel.r(), pixel.g(), pixel.b()].map(|channel| channel.saturating_add(white))
        })
        .collect();
    let notes = if transparent { vec!["transparent parts laid on white".to_owned()] } else { Vec::new() };
    Picture { width: image.size[0], height: image.size[1], channels: 3, bytes, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Color32;

    #[test]
    fn transparent_pixels_become_white() {
        let image = ColorImage::new([3, 1], vec![Color32::RED, Color32::TRANSPARENT, Color32::from_black_alpha(128)]);
        let picture = picture_from_clipboard(&image);
        assert_eq!(picture.bytes, [255, 0, 0, 255, 255, 255, 127, 127, 127]);
        assert_eq!((picture.width, picture.height, picture.channels, picture.notes.len()), (3, 1, 3, 1));
    }
}
