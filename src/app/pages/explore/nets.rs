//! In lists nets are grouped by what they read; what does not fit is grey and says why.

use crate::app::pages::explore::state::Explore;
use crate::engine::model::Entry;
use crate::engine::picture::PictureKind;

const GROUPS: [&str; 5] = ["Photos", "Digits", "Yours", "Training runs", "Others"];

fn group_of(entry: &Entry) -> &'static str {
    match entry.made_for {
        _ if entry.run().is_some() => "Training runs",
        _ if entry.facts.as_ref().is_some_and(|facts| facts.is_own) && entry.path.is_some() => "Yours",
        Some(PictureKind::Photo) => "Photos",
        Some(PictureKind::Digit) => "Digits",
        None if entry.path.is_some() => "Yours",
        None => "Others",
    }
}

/// Groups the nets under headings, in the order in which to show them.
pub fn grouped(catalogue: &[Entry]) -> Vec<(&'static str, Vec<&Entry>)> {
    let of = |group| catalogue.iter().filter(|entry| group_of(entry) == group).collect::<Vec<_>>();
    GROUPS.into_iter().map(|group| (group, of(group))).filter(|(_, entries)| !entries.is_empty()).collect()
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
        let names = |group: &str| {
            let found = groups.iter().find(|(found, _)| *found == group).unwrap();
            found.1.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(groups[0].0, "Photos");
        assert_eq!(names("Photos")[0], "efficientnet_lite0");
        assert!(names("Digits").contains(&"digits_cnn") && !names("Digits").contains(&"photos109"));
        assert_eq!(groups.iter().map(|(_, entries)| entries.len()).sum::<usize>(), entries.len());
    }
}
