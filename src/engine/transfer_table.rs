//! Who is fooled by whose pictures becomes a table, the same for the command line and the window.

use serde::Serialize;

use super::attack::AttackSettings;
use super::curve_table::{attack_name, field};
use super::statistics::wilson_interval;

pub const HEADER: &str = "source,asked,attack,norm,eps,n,wrong,error,low,high,seed\n";

/// This is what [`super::eval::transfer`] found, and under which conditions.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// The names of the nets, in the order of the rows and columns of `right`.
    pub nets: &'a [String],
    pub attack: &'a AttackSettings,
    /// The ε in the norm of the attack; it has no meaning for one that takes none.
    pub eps: f32,
    pub seed: u64,
    pub n: usize,
    /// The numbers of right answers: a row for the net that the pictures were made on, a column for the one asked.
    pub right: &'a [Vec<usize>],
}

/// This is what one net answered to the pictures that were made on one.
#[derive(Serialize)]
pub struct TransferRow<'a> {
    /// The net that the pictures were made on.
    pub source: &'a str,
    pub asked: &'a str,
    pub attack: String,
    pub norm: &'static str,
    /// This is ε, with attacks that take one.
    pub eps: Option<f32>,
    pub n: usize,
    pub wrong: usize,
    /// The share of wrong answers, from 0 to 1.
    pub error: f64,
    /// This is the 95 % interval of the error (Wilson).
    pub interval: (f64, f64),
    pub seed: u64,
}

impl<'a> Transfer<'a> {
    pub fn eps(&self) -> Option<f32> {
        self.attack.takes_eps().then_some(self.eps)
    }

    /// Returns all pairs, row by row.
    pub fn rows(&self) -> Vec<TransferRow<'a>> {
        let Self { nets, right, n, .. } = *self;
        let row = |source: usize, asked: usize| {
            let wrong = n - right[source][asked];
            TransferRow {
                source: &nets[source],
                asked: &nets[asked],
                attack: attack_name(self.attack),
                norm: self.attack.measure().name(),
                eps: self.eps(),
                n,
                wrong,
                error: wrong as f64 / n.max(1) as f64,
                interval: wilson_interval(wrong, n),
                seed: self.seed,
            }
        };
        let count = nets.len();
        (0..count * count).map(|pair| row(pair / count, pair % count)).collect()
    }

    /// Returns the table, its first line included.
    pub fn csv(&self) -> String {
        std::iter::once(HEADER.to_owned()).chain(self.rows().iter().map(TransferRow::csv)).collect()
    }
}

impl TransferRow<'_> {
    pub fn text(&self) -> String {
        let Self { source, asked, error, interval: (low, high), .. } = self;
        let name = format!("made on {source}, asked {asked}");
        format!("{name:<56} {:>6.2} % wrong ({:.2} to {:.2})", error * 100.0, low * 100.0, high * 100.0)
    }

    pub fn csv(&self) -> String {
        let Self { attack, norm, n, wrong, error, interval: (low, high), seed, .. } = self;
        let (source, asked) = (field(self.source), field(self.asked));
        let eps = self.eps.map(|eps| eps.to_string()).unwrap_or_default();
        format!("{source},{asked},{attack},{norm},{eps},{n},{wrong},{error},{low},{high},{seed}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_a_row() {
        let nets = ["a".to_owned(), "b, c".to_owned()];
        let (attack, right) = (AttackSettings::default(), [vec![1, 4], vec![3, 2]]);
        let transfer = Transfer { nets: &nets, attack: &attack, eps: 0.5, seed: 7, n: 4, right: &right };
        let table = transfer.csv();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[1].starts_with("a,a,fgsm,linf,0.5,4,3,0.75,") && lines[1].ends_with(",7"), "{table}");
        assert!(lines[2].starts_with("a,\"b, c\",fgsm,linf,0.5,4,0,0,0,"), "{table}");
        let none = Transfer { attack: &AttackSettings::named("deepfool").unwrap(), ..transfer };
        assert!(none.csv().contains("a,a,deepfool,l2,,4,3,"), "{}", none.csv());
    }
}
