//! `doppelganger models add NAME FILE` with a net of another program: what the file does not say comes from options, or
//! is tried and told, and nothing is kept before three pictures went through.

use std::path::PathBuf;

use clap::Args;

use super::data::ask;
use super::print;
use super::progress::{check_ctrl_c, watched};
use crate::engine::data::{trial_pictures, trial_samples};
use crate::engine::model::Catalogue;
use crate::engine::model::import::{
    Answers, ClassNames, Description, Draft, ImportedNet, Preprocessing, known_class_names, likeliest_first,
    read_class_names, try_out,
};
use crate::engine::model::zoo::Word;
use crate::engine::picture::Fit;
use crate::engine::{Error, Result};

/// What the file of a net does not say.
#[derive(Args, Default)]
pub struct ImportOptions {
    /// Mean of each channel, pixels in [0, 1]: one number or three, as 0.485,0.456,0.406
    #[arg(long, value_name = "M[,M,M]", value_delimiter = ',', requires = "std", allow_hyphen_values = true)]
    mean: Vec<f32>,
    /// Standard deviation of each channel: one number or three, as 0.229,0.224,0.225
    #[arg(long, value_name = "S[,S,S]", value_delimiter = ',', requires = "mean")]
    std: Vec<f32>,
    /// The net has learnt with blue first; mean and deviation are in the order red, green, blue all the same
    #[arg(long)]
    bgr: bool,
    /// Names of the classes: a file with a name a line or as JSON, or imagenet, cifar10, cifar100, digits, numbers
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// How a picture gets the net's size
    #[arg(long, value_parser = ["squash", "crop", "letterbox"], value_name = "FIT")]
    fit: Option<String>,
    /// Height and width of the pictures where the file leaves them open, as 224 or 224x192
    #[arg(long, value_name = "SIZE")]
    size: Option<String>,
    /// The output that holds one number a class, where there are several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// The word for the net of a file of weights alone, such as resnet50, wrn:28x10 or vit-b-16
    #[arg(long, value_name = "WORD", value_parser = Word::parse)]
    pub net: Option<Word>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

impl ImportOptions {
    /// Returns the height and width that were asked for.
    fn size(&self) -> Result<Option<[usize; 2]>> {
        let Some(text) = &self.size else { return Ok(None) };
        let (height, width) = text.split_once(['x', '×']).unwrap_or((text, text));
        match (height.trim().parse(), width.trim().parse()) {
            (Ok(height), Ok(width)) => Ok(Some([height, width])),
            _ => Err(Error::Argument(format!("the size is {text:?}; expected pixels such as 224, or 224x192"))),
        }
    }

    fn fit(&self) -> Fit {
        match self.fit.as_deref() {
            Some("crop") => Fit::Crop,
            Some("letterbox") => Fit::Letterbox,
            _ => Fit::Squash,
        }
    }

    fn preprocessing(&self, channels: usize) -> Result<Option<Preprocessing>> {
        if self.mean.is_empty() {
            return Ok(None);
        }
        let each = |what: &str, values: &[f32]| match values {
            [one] => Ok(vec![*one; channels]),
            values if values.len() == channels => Ok(values.to_vec()),
            values => {
                let count = values.len();
                Err(Error::Argument(format!(
                    "--{what} has {count} numbers; expected one, or one for each of {channels} channels"
                )))
            }
        };
        let (mean, std) = (each("mean", &self.mean)?, each("std", &self.std)?);
        Ok(Some(Preprocessing { name: "as given".into(), mean, std, is_bgr: self.bgr }))
    }

    fn classes(&self, net: &ImportedNet) -> Result<ClassNames> {
        let (count, mut known) = (net.class_count(), known_class_names(net.class_count(), net.axes()));
        let Some(wanted) = &self.classes else {
            let own = net.classes.clone().map(|names| ClassNames { name: "the file's", names });
            return Ok(own.unwrap_or_else(|| known.swap_remove(0)));
        };
        if let Some(at) = known.iter().position(|list| wanted.as_os_str() == list.name) {
            return Ok(known.swap_remove(at));
        }
        Ok(ClassNames { name: "the file's", names: read_class_names(wanted, count)? })
    }
}

/// Adds a net under a name.
pub fn import(catalogue: &Catalogue, name: &str, draft: &Draft, options: &ImportOptions) -> Result<()> {
    let questions = draft.questions()?;
    let ([channels, height, width], size) = (questions.axes, options.size()?);
    if let (Some(asked), Some(height), Some(width)) = (size, height, width)
        && asked != [height, width]
    {
        let [asked_height, asked_width] = asked;
        return Err(Error::Argument(format!(
            "--size is {asked_height}x{asked_width}, and the net is made for {height}x{width}; export it for that size"
        )));
    }
    let usual = questions.usual.map(|[_, height, width]| [height, width]);
    let known = height.zip(width).map(|(height, width)| [height, width]).or(size).or(usual);
    let axes = known.map(|[height, width]| [channels.unwrap_or(3), height, width]);
    if axes.is_none() && !questions.asks_word {
        return Err(Error::Argument("the file does not fix the size of its pictures; give it, as --size 224".into()));
    }
    if questions.asks_word && options.net.is_none() && questions.said.is_none() && !questions.words.is_empty() {
        let words = questions.words.iter().map(|word| format!("\n  --net {word:20} {}", word.about()));
        let path = draft.path.clone();
        let why = "which net are these weights of? Names and shapes of its tensors do not tell all of a net; they fit";
        return Err(Error::Weights { path, why: format!("{why}{}", words.collect::<String>()) });
    }
    let net = draft.build(&Answers { axes, output: options.output.clone(), word: options.net })?;
    let [channels, height, width] = net.axes();
    let classes = options.classes(&net)?;
    let preprocessing = match (options.preprocessing(channels)?, &net.normalisation) {
        (Some(given), _) => given,
        (None, Some(own)) => own.clone(),
        (None, None) => tried(&net, options.fit())?,
    };
    let by = if net.producer.is_empty() { String::new() } else { format!(", written by {}", net.producer) };
    let (count, operations) = (net.class_count(), net.graph.nodes().len());
    print(&format!("{name}: {channels}×{height}×{width} pixels to {count} classes; {operations} operations{by}"))?;
    for note in &net.notes {
        print(&format!("  {note}"))?;
    }
    let Preprocessing { name: how, mean, std, is_bgr } = &preprocessing;
    let order = if *is_bgr { ", blue first" } else { "" };
    print(&format!("  classes: {}; pixels: {how}, mean {mean:?}, std {std:?}{order}", classes.name))?;
    let file = draft.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let description =
        Description { title: name.to_owned(), file, classes: classes.names, preprocessing, fit: options.fit() };
    check(&net, &description)?;
    ask(options.yes, "nothing was kept; --yes keeps it without asking")?;
    catalogue.keep_net(name, &net, &description)?;
    print(&format!("{name} is there: {}", super::models::example(name)))
}

/// Tries what nets mostly want of their pictures, and tells.
fn tried(net: &ImportedNet, fit: Fit) -> Result<Preprocessing> {
    let (candidates, pictures) = (net.likely(), trial_pictures(net.axes(), fit)?);
    let mut trials = watched(|line| {
        let mut trials = Vec::with_capacity(candidates.len());
        for (number, candidate) in candidates.iter().enumerate() {
            line.draw("trying what the net wants of its pixels", number, candidates.len());
            check_ctrl_c()?;
            trials.extend(try_out(net, std::slice::from_ref(candidate), &pictures)?);
        }
        Ok(trials)
    })?;
    likeliest_first(&mut trials);
    print("The file says no mean and std. On the bundled pictures, the likeliest first:")?;
    for trial in &trials {
        let (name, confidence, information) = (&trial.preprocessing.name, trial.confidence, trial.information);
        let sure = confidence * 100.0;
        print(&format!(
            "  {name:24} {sure:5.1} % sure on average; its answers carry {information:.2} nats on the picture"
        ))?;
    }
    print("Take another one with --mean and --std.")?;
    Ok(trials.swap_remove(0).preprocessing)
}

/// Prints the answers on three bundled pictures.
fn check(net: &ImportedNet, description: &Description) -> Result<()> {
    let model = net.model(description)?;
    for sample in trial_samples(net.axes()).take(3) {
        let probabilities = model.probabilities(&model.fit(&sample.picture()?)?)?;
        let guesses: Vec<String> = model
            .top(&probabilities, 3)
            .into_iter()
            .map(|guess| format!("{} {:.1} %", guess.name, guess.prob * 100.0))
            .collect();
        print(&format!("  {:12} {}", sample.name, guesses.join(", ")))?;
    }
    Ok(())
}
