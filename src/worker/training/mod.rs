//! This trains: one run at a time on a thread of its own, orders in, events out.

mod desk;
mod protocol;

pub use desk::start;
pub use protocol::{MeasuringProgress, Order, RunId, RunInfo, RunState, TrainEvent};
