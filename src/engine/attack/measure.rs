//! Attacks measure their perturbations in a norm, or count values.

use super::Norm;
use crate::units::describe_eps;

/// The length of a perturbation is that in a norm, or the number of values that changed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Norm(Norm),
    Count,
}

impl Measure {
    /// Returns the norm; L∞ where values are counted.
    pub fn norm(self) -> Norm {
        match self {
            Self::Norm(norm) => norm,
            Self::Count => Norm::Linf,
        }
    }

    pub fn length(self, perturbation: &[f32]) -> f32 {
        match self {
            Self::Norm(norm) => norm.length(perturbation),
            Self::Count => perturbation.iter().filter(|&&d| d != 0.0).count() as f32,
        }
    }

    /// Returns the name in tables, such as `linf` or `count`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Norm(norm) => norm.name(),
            Self::Count => "count",
        }
    }

    /// Returns the symbol in formulas, such as `max|δ|`; a count in words.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Norm(norm) => norm.symbol(),
            Self::Count => "changed values",
        }
    }

    /// Says for people how far an attack may go, such as `ε 0.0314 = 8.00/255 = 8 grey levels` or `20 changed values`.
    pub fn describe(self, eps: f32) -> String {
        match self {
            _ if eps.is_infinite() => "however long".into(),
            Self::Norm(Norm::Linf) => format!("ε {}", describe_eps(eps)),
            Self::Norm(_) => format!("ε {eps}"),
            Self::Count => format!("{eps} changed value{}", if eps == 1.0 { "" } else { "s" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_values_are_no_grey_levels() {
        let linf = Measure::Norm(Norm::Linf);
        assert_eq!(linf.describe(8.0 / 255.0), "ε 0.0314 = 8.00/255 = 8 grey levels");
        assert_eq!(Measure::Norm(Norm::L2).describe(2.5), "ε 2.5");
        assert_eq!(
            (Measure::Count.describe(20.0), Measure::Count.describe(1.0)),
            ("20 changed values".into(), "1 changed value".into())
        );
        assert_eq!(Measure::Count.describe(f32::INFINITY), "however long");
        assert_eq!((linf.name(), Measure::Count.name()), ("linf", "count"));
    }
}
