//! Files seldom say what a net wants done with pixels before it sees them, so preprocessings are tried on pictures.

use super::super::zoo::Usual;
use super::ImportedNet;
use crate::picture::Planes;
use crate::{Result, loss};

/// A preprocessing turns pixels in [0, 1] into `(x − mean)/std` per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// Its usual name: "ImageNet", "0 to 255".
    pub name: String,
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    /// The net has learnt with blue first. Mean and std are in the order red, green, blue all the same.
    pub is_bgr: bool,
}

/// A preprocessing with what the net makes of pictures under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    pub preprocessing: Preprocessing,
    /// The mean of the largest probabilities.
    pub confidence: f32,
    /// The information that an answer carries about its picture: the entropy of the mean answer less the mean
    /// entropy of the answers, in nats.
    pub information: f32,
}

impl Preprocessing {
    fn new(name: &str, mean: &[f32], std: &[f32]) -> Self {
        Self { name: name.to_owned(), mean: mean.to_vec(), std: std.to_vec(), is_bgr: false }
    }

    /// Does what is usual for a net; grey pictures have the mean of the channels.
    pub(super) fn usual(usual: &Usual, channels: usize) -> Self {
        let of = |values: [f32; 3]| {
            if channels == 3 { values.to_vec() } else { vec![values.iter().sum::<f32>() / 3.0; channels] }
        };
        Self::new("as its authors", &of(usual.mean), &of(usual.std))
    }

    /// Leaves pixels as they are.
    pub fn plain(channels: usize) -> Self {
        Self::new("0 to 1", &vec![0.0; channels], &vec![1.0; channels])
    }
}

/// Returns what nets with such pictures mostly want, the usual first. Means and deviations are those of torchvision
/// (ImageNet), of Caffe's reference nets, and of the training pictures of CIFAR-10 and MNIST.
pub fn likely([channels, height, width]: [usize; 3]) -> Vec<Preprocessing> {
    let of = |values: f32| vec![values; channels];
    let half = Preprocessing::new("−1 to 1", &of(0.5), &of(0.5));
    let bytes = Preprocessing::new("0 to 255", &of(0.0), &of(1.0 / 255.0));
    let plain = Preprocessing::plain(channels);
    if channels != 3 {
        return vec![plain, Preprocessing::new("MNIST", &of(0.1307), &of(0.3081)), half, bytes];
    }
    let imagenet = Preprocessing::new("ImageNet", &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]);
    let cifar = Preprocessing::new("CIFAR-10", &[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]);
    let reversed =
        Preprocessing { is_bgr: true, ..Preprocessing::new("ImageNet, blue first", &imagenet.mean, &imagenet.std) };
    let caffe = [123.0 / 255.0, 117.0 / 255.0, 104.0 / 255.0];
    let caffe = Preprocessing { is_bgr: true, ..Preprocessing::new("Caffe, blue first", &caffe, &of(1.0 / 255.0)) };
    let caffe_rgb = Preprocessing { is_bgr: false, name: "Caffe, red first".into(), ..caffe.clone() };
    if height.max(width) <= 40 {
        return vec![plain, cifar, imagenet, half, bytes];
    }
    vec![imagenet, half, plain, bytes, caffe_rgb, caffe, reversed]
}

/// Above this confidence on average a net says nothing of its own confidence any more: the numbers it was given are
/// far too large, and only its largest logit counts.
const SATURATED: f32 = 0.97;

/// Tries preprocessings on pictures whose classes nobody has to know. The best is first: the one whose answers tell
/// most of their pictures, those that are sure of everything last. Equally good ones keep their order.
///
/// # Errors
/// The errors of running the net.
pub fn try_out(net: &ImportedNet, candidates: &[Preprocessing], pictures: &[Planes]) -> Result<Vec<Trial>> {
    let [channels, height, width] = net.axes();
    let executor = net.executor()?;
    let mut trials = Vec::with_capacity(candidates.len());
    for preprocessing in candidates {
        let mut answers: Vec<Vec<f32>> = Vec::with_capacity(pictures.len());
        for planes in pictures {
            let area = height * width;
            let pixels: Vec<f32> = (0..channels)
                .flat_map(|c| {
                    let from = if preprocessing.is_bgr { channels - 1 - c } else { c };
                    let (mean, std) = (preprocessing.mean[from], preprocessing.std[from]);
                    planes.values[from * area..][..area].iter().map(move |pixel| (pixel - mean) / std)
                })
                .collect();
            answers.push(loss::softmax(&executor.logits(&pixels)?));
        }
        trials.push(Trial::new(preprocessing.clone(), &answers));
    }
    likeliest_first(&mut trials);
    Ok(trials)
}

/// Puts the trial whose answers tell most of their pictures first, and those that are sure of everything last. Equally
/// good ones keep their order.
pub fn likeliest_first(trials: &mut [Trial]) {
    let rank = |trial: &Trial| match trial.confidence > SATURATED || trial.information.is_nan() {
        true => f32::MIN,
        false => trial.information,
    };
    trials.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
}

impl Trial {
    fn new(preprocessing: Preprocessing, answers: &[Vec<f32>]) -> Self {
        let entropy = |p: &[f32]| -> f32 { p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum() };
        let count = answers.len().max(1) as f32;
        let classes = answers.first().map_or(0, Vec::len);
        let mean: Vec<f32> = (0..classes).map(|class| answers.iter().map(|p| p[class]).sum::<f32>() / count).collect();
        let largest = |p: &Vec<f32>| p.iter().copied().fold(0.0, f32::max);
        Self {
            preprocessing,
            confidence: answers.iter().map(largest).sum::<f32>() / count,
            information: entropy(&mean) - answers.iter().map(|p| entropy(p)).sum::<f32>() / count,
        }
    }
}
