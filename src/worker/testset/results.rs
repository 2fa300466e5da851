//! What was measured stays on disk, a file for each curve and one for the last transfer, and comes back when the window
//! is opened again. docs/measurements.md describes the files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Curve, Provenance, Survey, Transferred};
use crate::engine::attack::{AttackSettings, Loss, PIXELS, Rules};
use crate::engine::eval::Evaluation;
use crate::engine::files::{ordinary, read_text, write_atomically};
use crate::engine::model::sha256_hex;
use crate::engine::units::counted;
use crate::engine::{Error, Result};

/// This is the version of the files; those of newer versions are left alone.
const VERSION: u32 = 1;
const TRANSFER: &str = "transfer.json";
const MAX_BYTES: u64 = 512 << 20;
/// Labels are those of the data set.
const LABELS: &str = "true";

/// Returns the folder that results are kept in: the one that `DOPPELGANGER_RESULTS` names, or one in the user's data
/// folder.
pub fn results_folder() -> PathBuf {
    let asked = std::env::var_os("DOPPELGANGER_RESULTS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("results"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-results"))
}

/// This is what was kept, with a message for each file that could not be read.
#[derive(Clone, Debug, Default)]
pub struct KeptResults {
    pub curves: Vec<Curve>,
    pub transferred: Option<Transferred>,
    pub problems: Vec<String>,
}

/// The results lie in this folder.
#[derive(Clone, Debug)]
pub struct Results {
    folder: PathBuf,
}

impl Provenance {
    /// Returns the provenance of what is measured now, by this version, of nets with these weights.
    pub fn now(digests: Vec<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { digests, version: env!("CARGO_PKG_VERSION").to_owned(), milliseconds: since.as_millis() as u64 }
    }

    /// Returns how long ago that was.
    pub fn age(&self) -> Duration {
        let then = UNIX_EPOCH + Duration::from_millis(self.milliseconds);
        SystemTime::now().duration_since(then).unwrap_or_default()
    }
}

/// These conditions stand at the beginning of every file.
#[derive(Serialize, Deserialize)]
struct Conditions {
    version: u32,
    program: String,
    measured_at: u64,
    nets: Vec<String>,
    titles: Vec<String>,
    weights_sha256: Vec<String>,
    data: String,
    skip_damaged: bool,
    limit: usize,
    labels: String,
    attack: AttackSettings,
    eps: Vec<f32>,
    seed: u64,
    clip: bool,
    eight_bit: bool,
    loss: Loss,
}

#[derive(Serialize, Deserialize)]
struct CurveFile {
    #[serde(flatten)]
    conditions: Conditions,
    classes: Vec<String>,
    warnings: Vec<String>,
    seconds: f64,
    found: Evaluation,
}

#[derive(Serialize, Deserialize)]
struct TransferFile {
    #[serde(flatten)]
    conditions: Conditions,
    n: usize,
    right: Vec<Vec<usize>>,
}

/// Any file says first which version wrote it.
#[derive(Deserialize)]
struct AnyFile {
    version: u32,
}

impl Conditions {
    fn new(survey: &Survey, attack: &AttackSettings, titles: Vec<String>, provenance: &Provenance) -> Self {
        let Survey { data, skip_damaged, nets, eps, n, rules, .. } = survey;
        Self {
            version: VERSION,
            program: provenance.version.clone(),
            measured_at: provenance.milliseconds,
            nets: nets.clone(),
            titles,
            weights_sha256: provenance.digests.clone(),
            data: data.to_string(),
            skip_damaged: *skip_damaged,
            limit: *n,
            labels: LABELS.into(),
            attack: attack.clone(),
            eps: eps.clone(),
            seed: rules.seed,
            clip: rules.bounds.is_some(),
            eight_bit: rules.eight_bit,
            loss: rules.loss,
        }
    }

    fn survey(&self) -> Result<Survey, String> {
        let rules =
            Rules { loss: self.loss, bounds: self.clip.then_some(PIXELS), seed: self.seed, eight_bit: self.eight_bit };
        if self.nets.is_empty() || [self.titles.len(), self.weights_sha256.len()] != [self.nets.len(); 2] {
            return Err("it has other numbers of nets, titles and weights".into());
        }
        Ok(Survey {
            data: self.data.parse().map_err(|error: Error| error.to_string())?,
            skip_damaged: self.skip_damaged,
            nets: self.nets.clone(),
            attacks: vec![self.attack.clone()],
            eps: self.eps.clone(),
            n: self.limit,
            rules,
        })
    }

    fn provenance(&self) -> Provenance {
        let (version, milliseconds) = (self.program.clone(), self.measured_at);
        Provenance { digests: self.weights_sha256.clone(), version, milliseconds }
    }
}

impl CurveFile {
    fn of(curve: &Curve) -> Self {
        let survey = Survey { nets: vec![curve.net.clone()], ..curve.survey.clone() };
        Self {
            conditions: Conditions::new(&survey, &curve.attack, vec![curve.title.clone()], &curve.provenance),
            classes: curve.classes.to_vec(),
            warnings: curve.warnings.clone(),
            seconds: curve.took.as_secs_f64(),
            found: curve.found.clone(),
        }
    }

    fn curve(self) -> Result<Curve, String> {
        self.found.check(self.classes.len())?;
        let survey = self.conditions.survey()?;
        let took = Duration::try_from_secs_f64(self.seconds).map_err(|error| format!("seconds: {error}"))?;
        Ok(Curve {
            net: survey.nets[0].clone(),
            survey,
            title: self.conditions.titles[0].clone(),
            attack: self.conditions.attack.clone(),
            classes: self.classes.into(),
            found: self.found,
            warnings: self.warnings,
            took,
            provenance: self.conditions.provenance(),
        })
    }
}

impl TransferFile {
    fn transferred(self) -> Result<Transferred, String> {
        let survey = self.conditions.survey()?;
        let count = survey.nets.len();
        let is_square = self.right.len() == count && self.right.iter().all(|row| row.len() == count);
        if !is_square || self.right.iter().flatten().any(|right| *right > self.n) {
            return Err("its counts do not fit its nets".into());
        }
        let Some(&eps) = survey.eps.first() else { return Err("it has no ε".into()) };
        let (titles, provenance) = (self.conditions.titles.clone(), self.conditions.provenance());
        Ok(Transferred { survey, eps, titles, n: self.n, right: self.right, provenance })
    }
}

impl Results {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a curve, in place of the one of the same net under the same attack; fails where it cannot be written.
    pub fn keep_curve(&self, curve: &Curve) -> Result<()> {
        self.write(&file_name(&curve.net, &curve.attack), &CurveFile::of(curve))
    }

    /// Keeps a transfer, in place of the last one; fails where it cannot be written.
    pub fn keep_transfer(&self, transferred: &Transferred) -> Result<()> {
        let Transferred { survey, eps, titles, n, right, provenance } = transferred;
        let Some(attack) = survey.attacks.first() else { return Ok(()) };
        let survey = Survey { eps: vec![*eps], ..survey.clone() };
        let conditions = Conditions::new(&survey, attack, titles.clone(), provenance);
        self.write(TRANSFER, &TransferFile { conditions, n: *n, right: right.clone() })
    }

    fn write(&self, name: &str, file: &impl Serialize) -> Result<()> {
        const DOING: &str = "keep the measurement";
        let path = self.folder.join(name);
        let json = serde_json::to_vec(file).map_err(|error| Error::io(DOING, &path)(error.into()))?;
        std::fs::create_dir_all(&self.folder).map_err(Error::io("make the folder for measurements", &self.folder))?;
        write_atomically(&path, &json, DOING)
    }

    /// Deletes the files of curves; one that is not there is none the less gone.
    pub fn remove(&self, curves: &[(String, AttackSettings)]) -> Result<()> {
        for (net, attack) in curves {
            let path = self.folder.join(file_name(net, attack));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("delete the measurement", &path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Reads everything, the oldest curve first. A damaged file is set aside, so that it is told of once.
    pub fn read(&self) -> KeptResults {
        let mut kept = KeptResults::default();
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        paths.sort();
        let mut newer = 0;
        for path in paths {
            let is_transfer = path.file_name().is_some_and(|name| name == TRANSFER);
            let read = match is_transfer {
                true => file::<TransferFile>(&path).and_then(|file| Ok(file.transferred()?)).map(|transferred| {
                    kept.transferred = Some(transferred);
                }),
                false => {
                    file::<CurveFile>(&path).and_then(|file| Ok(file.curve()?)).map(|curve| kept.curves.push(curve))
                }
            };
            match read {
                Ok(()) => {}
                Err(Unreadable::Newer) => newer += 1,
                Err(Unreadable::Damaged(why)) => kept.problems.push(set_aside(&path, &why)),
            }
        }
        if newer > 0 {
            let measurements = counted(newer, "measurement");
            kept.problems.push(format!("{measurements} of a newer version of this program cannot be shown here."));
        }
        kept.curves.sort_by_key(|curve| curve.provenance.milliseconds);
        kept
    }
}

/// A file cannot be read for one of these reasons.
enum Unreadable {
    Newer,
    Damaged(String),
}

impl From<String> for Unreadable {
    fn from(why: String) -> Self {
        Self::Damaged(why)
    }
}

fn file<T: DeserializeOwned>(path: &Path) -> Result<T, Unreadable> {
    let size = ordinary(path, "read the measurement").map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("it has {size} bytes; expected at most {MAX_BYTES}").into());
    }
    let text = read_text(path).map_err(|error| error.to_string())?;
    let any: AnyFile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if any.version > VERSION {
        return Err(Unreadable::Newer);
    }
    Ok(serde_json::from_str(&text).map_err(|error| error.to_string())?)
}

/// Renames a file that cannot be used, and says so.
fn set_aside(path: &Path, why: &str) -> String {
    let aside = path.with_extension("json.broken");
    let kept = std::fs::rename(path, &aside).map_or(path, |()| &aside);
    format!("A measurement could not be read ({why}), and was set aside. Measure it again.\n{}", kept.display())
}

/// Returns the name of the file of a curve: readable, and another one for every net and attack.
fn file_name(net: &str, attack: &AttackSettings) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let readable: String = net.chars().rev().take(40).map(plain).collect::<Vec<_>>().into_iter().rev().collect();
    // Plain data with names for keys: this cannot fail.
    let settings = serde_json::to_string(attack).unwrap_or_default();
    let hash = sha256_hex(format!("{net}\n{settings}").as_bytes());
    format!("{readable}-{}-{}.json", attack.name(), &hash[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::{DeepFool, MinimalEps};
    use crate::engine::data::DataSource;
    use crate::engine::eval::{AttackedResult, Prediction};

    fn curve(attack: AttackSettings) -> Curve {
        let says = |says| Prediction { label: 1, says, confidence: 0.1 + 0.2 };
        let result = |eps, says: [Prediction; 2]| AttackedResult {
            eps,
            correct: says.iter().filter(|answer| answer.is_right()).count(),
            reached: 1,
            mean_confidence_on_mistakes: Some(1.0 / 3.0),
            answers: says.to_vec(),
        };
        let found = Evaluation {
            n: 2,
            classes: 2,
            clean_correct: 2,
            clean_top5_correct: 2,
            clean_answers: vec![says(1), says(1)],
            without_gradient: 1,
            saturated: 0,
            attacked: vec![result(0.1, [says(1), says(0)]), result(f32::INFINITY, [says(0), says(0)])],
            lengths: Some(vec![0.07, f32::INFINITY]),
        };
        let rules = Rules { loss: Loss::LogOdds, bounds: None, seed: u64::MAX, eight_bit: true };
        let survey = Survey {
            data: DataSource::Folder("/my pictures".into()),
            skip_damaged: true,
            nets: vec!["run:run-0001".into()],
            attacks: vec![attack.clone()],
            eps: vec![0.1],
            n: 500,
            rules,
        };
        Curve {
            survey,
            net: "run:run-0001".into(),
            title: "run-0001".into(),
            attack,
            classes: ["a".to_owned(), "b".to_owned()].into(),
            found,
            warnings: vec!["something is odd".into()],
            took: Duration::from_millis(1500),
            provenance: Provenance { digests: vec!["abc".into()], version: "0.1.0".into(), milliseconds: 7 },
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_a_damaged_file_spoils_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().join("results"));
        assert!(results.read().curves.is_empty());
        let search: AttackSettings = MinimalEps::new(AttackSettings::default(), 0.3).into();
        let curves = [curve(DeepFool::default().into()), curve(search)];
        for curve in &curves {
            results.keep_curve(curve).unwrap();
            results.keep_curve(curve).unwrap();
        }
        let survey = Survey { nets: vec!["a".into(), "b".into()], ..curves[0].survey.clone() };
        let titles = vec!["A".to_owned(), "B".to_owned()];
        let provenance = Provenance { digests: vec!["1".into(), "2".into()], ..curves[0].provenance.clone() };
        let right = vec![vec![2, 1], vec![0, 2]];
        results.keep_transfer(&Transferred { survey, eps: 0.1, titles, n: 2, right, provenance }).unwrap();
        let kept = results.read();
        assert_eq!((kept.curves.len(), kept.problems.len()), (2, 0), "{:?}", kept.problems);
        for curve in &curves {
            let same = kept.curves.iter().find(|kept| kept.attack == curve.attack).unwrap();
            assert_eq!((&same.found, &same.survey, &same.provenance), (&curve.found, &curve.survey, &curve.provenance));
            assert_eq!((&same.net, &same.title, &same.classes), (&curve.net, &curve.title, &curve.classes));
            assert_eq!((&same.warnings, same.took), (&curve.warnings, curve.took));
        }
        let transferred = kept.transferred.unwrap();
        assert_eq!((transferred.n, transferred.right, transferred.eps), (2, vec![vec![2, 1], vec![0, 2]], 0.1));
        // A class that the net does not have, and half a file.
        let name = file_name(&curves[0].net, &curves[0].attack);
        let path = folder.path().join("results").join(&name);
        let whole = std::fs::read_to_string(&path).unwrap();
        for (text, part) in [
            (whole.replace("[1,0,", "[1,2,"), "its answers are not those"),
            (whole[..whole.len() / 2].to_owned(), "EOF"),
            ("[]".to_owned(), "expected"),
        ] {
            std::fs::write(&path, text).unwrap();
            let kept = results.read();
            assert_eq!((kept.curves.len(), kept.problems.len()), (1, 1), "{part}");
            assert!(kept.problems[0].contains(part), "{}", kept.problems[0]);
            assert!(path.with_extension("json.broken").exists());
            assert!(results.read().problems.is_empty(), "it is told of once");
        }
        // What a version to come has written stays as it is.
        std::fs::write(&path, whole.replace("\"version\":1", "\"version\":2")).unwrap();
        for _ in 0..2 {
            assert!(results.read().problems[0].contains("1 measurement of a newer version"));
        }
        results.remove(&curves.map(|curve| (curve.net, curve.attack))).unwrap();
        assert!(results.read().curves.is_empty() && results.read().transferred.is_some());
    }
}
