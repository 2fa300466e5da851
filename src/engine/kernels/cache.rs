//! Blocks are cut to the size of a cache.

use std::sync::OnceLock;

/// Most processors have a second-level cache of at least this many bytes for each core.
const USUAL: usize = 512 << 10;

/// Returns the size in bytes of a core's second-level cache where the processor says it, else a usual one.
pub fn second_level() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| said_by_the_processor().unwrap_or(USUAL))
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn said_by_the_processor() -> Option<usize> {
    use std::arch::x86_64::__cpuid;
    // Intel's and AMD's processors answer alike: kilobytes in the upper half of ecx.
    const LAST: u32 = 0x8000_0000;
    const CACHE: u32 = 0x8000_0006;
    let kilobytes = (__cpuid(LAST).eax >= CACHE).then(|| __cpuid(CACHE).ecx as usize >> 16)?;
    (kilobytes > 0).then_some(kilobytes << 10)
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn said_by_the_processor() -> Option<usize> {
    None
}
