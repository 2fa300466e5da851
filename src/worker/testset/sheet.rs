//! Some test pictures, attacked and shown one by one.

use std::sync::Arc;

use super::bench::Bench;
use super::{Sheet, SheetPicture, SheetWish, TestEvent};
use crate::engine::Result;
use crate::engine::attack::{Problem, finish};
use crate::engine::eval::Answer;
use crate::engine::loss::softmax;
use crate::engine::model::argmax;
use crate::engine::picture::{Planes, Rgba};

impl Bench {
    /// Makes a contact sheet, and counts as the survey does: of an attack that takes no ε, a perturbation that is
    /// longer than the ε looked at leaves the picture as it is.
    pub(super) fn sheet(&mut self, wish: SheetWish) -> Result<()> {
        let model = self.model(&wish.net)?;
        let data = self.data(&wish.data, &model)?;
        let wanted: Vec<usize> = (wish.first..data.len().min(wish.first + wish.count)).collect();
        let (x, labels) = data.batch_values(&wanted, model.input())?;
        let problem = Problem::new(model.clone(), x, labels, wish.rules)?.numbered_from(wish.first);
        let problem = if wish.attack.takes_eps() { problem.with_eps(&[wish.eps])? } else { problem };
        let mut adversarial = finish(&*wish.attack, &problem, |_, _| !self.is_stopped())?;
        let (size, classes, input) = (problem.size(), problem.classes(), model.input());
        let mut lengths = Vec::with_capacity(problem.len());
        for (at, x) in adversarial.chunks_mut(size).zip(problem.x.chunks(size)) {
            let moved: Vec<f32> = at.iter().zip(x).map(|(at, x)| at - x).collect();
            let length = wish.attack.measure().length(&moved);
            let counts = wish.attack.takes_eps() || length <= wish.eps;
            lengths.push(if counts { length } else { 0.0 });
            if !counts {
                at.copy_from_slice(x);
            }
        }
        let (before, after) = (problem.clean()?.logits.clone(), problem.logits(&adversarial)?);
        let answer = |logits: &[f32], i: usize| {
            let logits = &logits[i * classes..(i + 1) * classes];
            let says = argmax(logits);
            Answer { label: problem.labels[i], says, confidence: softmax(logits)[says] }
        };
        let planes = |values: &[f32], i: usize| Planes {
            channels: input.channels,
            height: input.height,
            width: input.width,
            values: values[i * size..(i + 1) * size].to_vec(),
        };
        let picture = |i: usize| SheetPicture {
            original: Arc::new(planes(&problem.x, i).to_picture()),
            adversarial: Rgba::from_planes(&planes(&adversarial, i)),
            length: lengths[i],
            before: answer(&before, i),
            after: answer(&after, i),
        };
        let pictures = (0..problem.len()).map(picture).collect();
        let (classes, of) = (model.classes.clone(), data.len());
        self.tell(TestEvent::Sheet(Box::new(Sheet { wish, classes, of, pictures })));
        Ok(())
    }
}
