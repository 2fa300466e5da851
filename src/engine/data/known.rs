//! Some data sets come in the files of others, or number their classes; their names tell them apart.

use super::listing::Listing;

/// These are the classes of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), in the order of its labels.
pub(super) const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// These are the classes of Kuzushiji-MNIST (Clanuwat et al., 2018): お, き, す, つ, な, は, ま, や, れ and を.
const KUZUSHIJI: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];

/// These are the classes of CIFAR-10 (Krizhevsky, 2009).
pub(super) const CIFAR_10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// A set of MedMNIST (Yang et al., MedMNIST v2, Scientific Data 10, 41, 2023) of pictures with one class each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Medical {
    pub(super) title: &'static str,
    /// The classes in the order of the labels, as `medmnist/info.py` of github.com/MedMNIST/MedMNIST (3.0.2) names
    /// them; none where they are grades.
    names: &'static [&'static str],
}

/// The organs of the three sets of abdominal slices.
const ORGANS: [&str; 11] = [
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
];

const MEDICAL: [Medical; 11] = [
    Medical {
        title: "PathMNIST",
        names: &[
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ],
    },
    Medical {
        title: "DermaMNIST",
        names: &[
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ],
    },
    Medical {
        title: "OCTMNIST",
        names: &["choroidal neovascularization", "diabetic macular edema", "drusen", "normal"],
    },
    Medical { title: "PneumoniaMNIST", names: &["normal", "pneumonia"] },
    Medical { title: "RetinaMNIST", names: &[] },
    Medical { title: "BreastMNIST", names: &["malignant", "normal, benign"] },
    Medical {
        title: "BloodMNIST",
        names: &[
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocytes (myelocytes, metamyelocytes and promyelocytes)",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ],
    },
    Medical {
        title: "TissueMNIST",
        names: &[
            "Collecting Duct, Connecting Tubule",
            "Distal Convoluted Tubule",
            "Glomerular endothelial cells",
            "Interstitial endothelial cells",
            "Leukocytes",
            "Podocytes",
            "Proximal Tubule Segments",
            "Thick Ascending Limb",
        ],
    },
    Medical { title: "OrganAMNIST", names: &ORGANS },
    Medical { title: "OrganCMNIST", names: &ORGANS },
    Medical { title: "OrganSMNIST", names: &ORGANS },
];

impl Medical {
    /// Returns the set whose file has this name without its ending, such as `pathmnist` or `bloodmnist_224`.
    pub(super) fn of(stem: &str) -> Option<Self> {
        let (name, size) = stem.split_once('_').unwrap_or((stem, "28"));
        let is_size = ["28", "64", "128", "224"].contains(&size);
        MEDICAL.into_iter().find(|set| is_size && set.title.eq_ignore_ascii_case(name))
    }

    /// Returns the names of the classes in the order of the labels; `None` where these are numbers.
    pub(super) fn classes(self) -> Option<Vec<String>> {
        (!self.names.is_empty()).then(|| self.names.iter().map(|&name| name.to_owned()).collect())
    }
}

/// EMNIST's sets of 47 classes have these small letters apart from the capital ones (Cohen et al., 2017).
const APART: &str = "abdefghnqrt";

/// A set in files of MNIST's format is one of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kin {
    Mnist,
    Fashion,
    Kuzushiji,
    Emnist(Emnist),
}

/// EMNIST has six sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Emnist {
    Digits,
    Letters,
    /// 47 classes: of some letters, capital and small ones are one class. EMNIST's "balanced" and "bymerge".
    Merged,
    /// 62 classes.
    Byclass,
}

impl Kin {
    /// Returns the kin that the name of a file or the folders around it give away, the nearest first. `prefix` is what
    /// the file's name begins with.
    pub(super) fn of(listing: &Listing, folder: &str, prefix: &str) -> Self {
        let root = listing.root.canonicalize().ok();
        let root = root.as_deref().unwrap_or(&listing.root).file_name().unwrap_or_default().to_string_lossy();
        let names = std::iter::once(prefix).chain(folder.rsplit('/')).chain([&*root]);
        let lower: Vec<String> = names.map(str::to_lowercase).collect();
        let named =
            lower.iter().find(|name| name.contains("mnist") || name.contains("fashion") || name.contains("kuzushiji"));
        let Some(named) = named else { return Self::Mnist };
        if named.contains("fashion") {
            Self::Fashion
        } else if named.contains("kmnist") || named.contains("kuzushiji") {
            Self::Kuzushiji
        } else if named.contains("emnist") {
            let all = lower.join(" ");
            Self::Emnist(match () {
                () if all.contains("letters") => Emnist::Letters,
                () if all.contains("balanced") || all.contains("bymerge") => Emnist::Merged,
                () if all.contains("byclass") => Emnist::Byclass,
                () => Emnist::Digits,
            })
        } else {
            Self::Mnist
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Mnist => "a set in MNIST's format",
            Self::Fashion => "Fashion-MNIST",
            Self::Kuzushiji => "KMNIST",
            Self::Emnist(Emnist::Digits) => "EMNIST's digits",
            Self::Emnist(Emnist::Letters) => "EMNIST's letters",
            Self::Emnist(Emnist::Merged) => "EMNIST's digits and letters in 47 classes",
            Self::Emnist(Emnist::Byclass) => "EMNIST's digits and letters in 62 classes",
        }
    }

    /// Returns the names of the classes in the order of the labels; `None` where these are numbers.
    pub(super) fn names(self) -> Option<Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let chars = |chars: &mut dyn Iterator<Item = char>| chars.map(String::from).collect();
        let digits_and_capitals = ('0'..='9').chain('A'..='Z');
        match self {
            Self::Mnist => None,
            Self::Fashion => Some(owned(&FASHION)),
            Self::Kuzushiji => Some(owned(&KUZUSHIJI)),
            Self::Emnist(Emnist::Digits) => Some(chars(&mut ('0'..='9'))),
            Self::Emnist(Emnist::Letters) => Some(chars(&mut ('A'..='Z'))),
            Self::Emnist(Emnist::Merged) => Some(chars(&mut digits_and_capitals.chain(APART.chars()))),
            Self::Emnist(Emnist::Byclass) => Some(chars(&mut digits_and_capitals.chain('a'..='z'))),
        }
    }

    /// Returns the least label: EMNIST's letters are counted from 1.
    pub(super) fn first_label(self) -> usize {
        usize::from(self == Self::Emnist(Emnist::Letters))
    }
}

/// Reads EMNIST's mapping of labels to characters: a label and one or more code points in each line.
pub(super) fn mapping(text: &str) -> Option<(usize, Vec<String>)> {
    let mut names = Vec::new();
    let mut first = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let label = usize::try_from(numbers.next()?.ok()?).ok()?;
        if *first.get_or_insert(label) + names.len() != label {
            return None;
        }
        names.push(String::from(char::from_u32(numbers.next()?.ok()?)?));
    }
    first.map(|first| (first, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn names_of_files_and_folders_tell_the_kin() {
        let kin = |root: &str, folder: &str, prefix: &str| {
            Kin::of(&Listing { root: Path::new(root).to_owned(), ..Listing::default() }, folder, prefix)
        };
        assert_eq!(kin("/data", "FashionMNIST/raw", ""), Kin::Fashion);
        assert_eq!(kin("/emnist project/mnist", "", ""), Kin::Mnist);
        assert_eq!(kin("/x/emnist_digits", "", ""), Kin::Emnist(Emnist::Digits));
        assert_eq!(kin("/x/EMNIST", "raw", "emnist-letters"), Kin::Emnist(Emnist::Letters));
        assert_eq!(kin("/x", "EMNIST/balanced", ""), Kin::Emnist(Emnist::Merged));
        assert_eq!(kin("/x/KMNIST", "raw", ""), Kin::Kuzushiji);
        assert_eq!(kin("/x/my digits", "", ""), Kin::Mnist);
        let count = |set| Kin::Emnist(set).names().unwrap().len();
        assert_eq!([Emnist::Letters, Emnist::Merged, Emnist::Byclass].map(count), [26, 47, 62]);
    }

    #[test]
    fn sets_of_medmnist_are_known_by_their_files() {
        let of = |stem: &str| Medical::of(stem).map(|set| (set.title, set.names.len()));
        assert_eq!(of("pathmnist"), Some(("PathMNIST", 9)));
        assert_eq!(of("bloodmnist_224"), Some(("BloodMNIST", 8)));
        assert_eq!(of("OrganSMNIST_64"), Some(("OrganSMNIST", 11)));
        assert_eq!(Medical::of("retinamnist_128").map(Medical::classes), Some(None), "grades are numbers");
        for other in ["mnist", "organmnist3d", "chestmnist", "pathmnist_copy", "pathmnist_64_old", "my_pathmnist"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_mapping_names_the_labels() {
        assert_eq!(mapping("1 65 97\r\n2 66 98\r\n"), Some((1, vec!["A".into(), "B".into()])));
        assert_eq!(mapping("0 48\n2 49\n"), None);
        assert_eq!(mapping("zero"), None);
    }
}
