//! What a step of training allocates: nothing that grows with the net.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use doppelganger::engine::device::Backend;
use doppelganger::engine::model::Manifest;
use doppelganger::engine::train::{Algorithm, Learner, Objective, StepSize, initial_params};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The system's allocator, counting the bytes that it is asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes asked for in one adversarial step of a net this wide, once it is warm: the least of several.
fn bytes_per_step(width: usize) -> usize {
    let text = format!(
        "name = \"test\"\nweights = \"w\"\nclasses = [\"a\", \"b\"]\n\
         input = {{ channels = 1, height = 8, width = 8, mean = [0.0], std = [1.0] }}\n\
         layers = [{{ kind = \"conv2d\", name = \"c\", in = 1, out = {width}, kernel = 3, padding = 1 }}, {{ kind = \
         \"relu\" }}, {{ kind = \"max_pool2d\", kernel = 2 }}, {{ kind = \"conv2d\", name = \"d\", in = {width}, out \
         = {width}, kernel = 3 }}, {{ kind = \"relu\" }}, {{ kind = \"flatten\" }}, \
         {{ kind = \"linear\", name = \"l\", in = {}, out = {width} }}, {{ kind = \"relu\" }}, \
         {{ kind = \"maxout\", name = \"m\", in = {width}, units = {width}, pieces = 2 }}, \
         {{ kind = \"linear\", name = \"o\", in = {width}, out = 2 }}]",
        4 * width
    );
    let manifest = Manifest::with_classes(&text, Path::new("test.toml"), &[]).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let params = initial_params(&manifest.graph, None, &mut rng).unwrap();
    let mut learner = Learner::new(&Backend::Kernels, &manifest, &params, Algorithm::Sgd).unwrap();
    let pixels = vec![0.5; 16 * 64];
    let labels: Vec<usize> = (0..16).map(|i| i % 2).collect();
    let objective = Objective { eps: 0.1, alpha: 0.5, ..Objective::default() };
    let size = StepSize { rate: 0.01, momentum: 0.9, nesterov: false, weight_decay: 0.0, max_norm: Some(2.0) };
    let step = |_| {
        let before = ASKED.load(Ordering::Relaxed);
        learner.step(&pixels, &labels, objective, size, &mut rng).unwrap();
        ASKED.load(Ordering::Relaxed) - before
    };
    (0..12).map(step).min().unwrap()
}

#[test]
fn a_step_allocates_nothing_that_grows_with_the_net() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let (narrow, wide) = pool.install(|| (bytes_per_step(16), bytes_per_step(256)));
    eprintln!("bytes asked for in a step: {narrow} at 16 channels, {wide} at 256");
    // The wide net has 870 000 weights, 3.5 MB. What differs are lists of tasks.
    assert!(wide < narrow + (32 << 10), "{narrow} bytes a step at 16 channels, {wide} at 256");
}
