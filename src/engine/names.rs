//! Choices that people make by name.

use std::fmt::Display;

use super::{Error, Result};

/// Finds the choice that has this name.
///
/// # Errors
/// [`Error::Argument`] with all names where there is none; `what` is what is chosen, such as "the schedule".
pub fn by_name<T: Display + Copy>(what: &str, name: &str, all: &[T]) -> Result<T> {
    all.iter().copied().find(|choice| choice.to_string() == name).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(T::to_string).collect();
        Error::Argument(format!("{what} is {name:?}; expected one of {}", names.join(", ")))
    })
}
