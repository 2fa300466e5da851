//! Ctrl-C asks long work to stop at its next step.

use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C set a flag; a second one ends the program at once.
pub fn watch() {
    // Without a handler Ctrl-C just kills the program, which loses no more than the epoch in hand.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Tells whether to stop.
pub fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}
