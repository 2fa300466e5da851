//! In lists nets are grouped by what they read; what does not fit is grey and says why.

use crate::app::pages::explore::state::Explore;
use crate::engine::model::Entry;
use crate::engine::picture::PictureKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Photos,
    Digits,
    /// These lie in the person's own folders.
    Yours,
    Others,
}

impl Group {
    const ALL: [Self; 4] = [Self::Photos, Self::Digits, Self::Yours, Self::Others];

    pub fn title(self) -> &'static str {
        match self {
            Self::Photos => "Photos",
            Self::Digits => "Digits",
            Self::Yours => "Yours",
            Self::Others => "Others",
        }
    }

    fn of(entry: &Entry) -> Self {
        match entry.made_for {
            _ if entry.facts.as_ref().is_some_and(|facts| facts.is_own) && entry.path.is_some() => Self::Yours,
            Some(PictureKind::Photo) => Self::Photos,
            Some(PictureKind::Digit) => Self::Digits,
            None if entry.path.is_some() => Self::Yours,
            None => Self::Others,
        }
    }
}

/// Groups the nets, in the order in which to show them.
pub fn grouped(catalogue: &[Entry]) -> Vec<(Group, Vec<&Entry>)> {
    let of = |group| catalogue.iter().filter(|entry| Group::of(entry) == group).collect::<Vec<_>>();
    Group::ALL.into_iter().map(|group| (group, of(group))).filter(|(_, entries)| !entries.is_empty()).collect()
}

/// Returns why a net does not fit the picture on screen; `None` where it does.
pub fn misfit(explore: &Explore, entry: &Entry) -> Option<&'static str> {
    let kind = explore.shown.as_ref()?.kind?;
    match (entry.made_for?, kind) {
        (PictureKind::Digit, PictureKind::Photo) => Some("reads digits; the picture is a photo"),
        (PictureKind::Photo, PictureKind::Digit) => Some("reads photos; the picture is a digit"),
        (PictureKind::Photo, PictureKind::Photo) | (PictureKind::Digit, PictureKind::Digit) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::Catalogue;

    #[test]
    fn nets_are_grouped_by_what_they_read() {
        let entries = Catalogue::new(Vec::new()).entries();
        let groups = grouped(&entries);
        let names = |group: Group| {
            let found = groups.iter().find(|(found, _)| *found == group).unwrap();
            found.1.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(groups[0].0, Group::Photos);
        assert_eq!(names(Group::Photos)[0], "efficientnet_lite0");
        assert!(names(Group::Digits).contains(&"digits_cnn") && !names(Group::Digits).contains(&"photos109"));
        assert_eq!(groups.iter().map(|(_, entries)| entries.len()).sum::<usize>(), entries.len());
    }
}
