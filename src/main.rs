//! This is the `doppelganger` program: it opens the window, or runs one of the headless commands.

use std::process::ExitCode;

// Nets allocate and free large buffers all the time; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doppelganger::cli::main()
}
