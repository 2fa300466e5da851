//! The trainer: one run at a time on a thread of its own, orders in, events out.

mod protocol;

pub use protocol::{Order, RunId, RunInfo, RunState, TrainEvent};
