//! Nets run on the CPU with our own kernels, or on another device with candle's.

use candle_core::Device;

use super::{Error, Result};

/// This environment variable names the device.
pub const VARIABLE: &str = "DOPPELGANGER_DEVICE";

/// A net runs on one of these.
#[derive(Clone, Debug, Default)]
pub enum Backend {
    #[default]
    Kernels,
    Tensors(Device),
}

impl Backend {
    /// Returns what [`VARIABLE`] asks for: `cpu` (or nothing), `cuda`, `cuda:1`, `metal`; and `candle` for candle's
    /// kernels on the CPU, to compare with. Fails for a device that is not there or not built in.
    pub fn from_environment() -> Result<Self> {
        std::env::var(VARIABLE).map_or(Ok(Self::Kernels), |name| Self::named(&name))
    }

    pub fn named(name: &str) -> Result<Self> {
        let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
        let number = number.parse().map_err(|_| unknown(name))?;
        let device = match kind {
            "" | "cpu" => return Ok(Self::Kernels),
            "candle" => Ok(Device::Cpu),
            "cuda" => Device::new_cuda(number),
            "metal" => Device::new_metal(number),
            _ => return Err(unknown(name)),
        };
        device.map(Self::Tensors).map_err(|e| {
            let why = e.to_string().lines().next().unwrap_or_default().to_owned();
            Error::Argument(format!(
                "{VARIABLE} asks for {name:?}, which cannot be used ({why}); build the program with its feature \
                 {kind} on a machine that has one, or leave the variable out"
            ))
        })
    }
}

fn unknown(name: &str) -> Error {
    Error::Argument(format!("{VARIABLE} is {name:?}; expected cpu, cuda, cuda:1 or metal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_missing_devices_explained() {
        assert!(matches!(Backend::named("cpu"), Ok(Backend::Kernels)));
        assert!(matches!(Backend::named("candle"), Ok(Backend::Tensors(Device::Cpu))));
        for bad in ["gpu", "cuda:x", "cuda:99"] {
            let message = Backend::named(bad).err().map(|e| e.to_string());
            assert!(message.is_some_and(|message| message.contains(VARIABLE) && message.contains(bad)));
        }
    }
}
