//! The field completes a path: Tab takes the suggestion that is lit, and the list of them lies beneath.

use std::path::{MAIN_SEPARATOR, Path, PathBuf, is_separator};

use egui::{self, CompletionPopup, Id, Key, RectAlign, Response, Suggestion, TextEdit, Ui};

const MOST_READ: usize = 50_000;
const MOST_SHOWN: usize = 200;

pub struct Listing {
    folder: PathBuf,
    /// Folders come first, each part in the order of the alphabet.
    names: Vec<FolderEntry>,
}

struct FolderEntry {
    text: String,
    lowercase: String,
    is_folder: bool,
}

impl Listing {
    /// Reads a folder, which may take long. One that cannot be read holds nothing. Names that are not Unicode are
    /// left out, because no keyboard can write them.
    pub fn read(folder: PathBuf) -> Self {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten().take(MOST_READ);
        let name = |entry: std::fs::DirEntry| {
            let text = entry.file_name().into_string().ok()?;
            // Links count as what they lead to.
            let is_folder = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
                kind => kind.is_ok_and(|kind| kind.is_dir()),
            };
            Some(FolderEntry { lowercase: text.to_lowercase(), text, is_folder })
        };
        let mut names: Vec<FolderEntry> = entries.filter_map(name).collect();
        names.sort_by(|a, b| (!a.is_folder, &a.lowercase).cmp(&(!b.is_folder, &b.lowercase)));
        Self { folder, names }
    }

    /// Returns the names that begin with `begun`, whatever the case: folders with a separator at their end, and files
    /// with one of the endings, or all files for no endings. Hidden names need a dot.
    fn suggest(&self, begun: &str, endings: &[&str]) -> Vec<String> {
        let lowercase = begun.to_lowercase();
        let fits = |name: &&FolderEntry| {
            let is_kind = || {
                let ending = Path::new(&name.lowercase).extension().and_then(|ending| ending.to_str());
                endings.is_empty() || ending.is_some_and(|ending| endings.contains(&ending))
            };
            name.lowercase.starts_with(&lowercase)
                && (begun.starts_with('.') || !name.text.starts_with('.'))
                && (name.is_folder || (name.text != begun && is_kind()))
        };
        let written = |name: &FolderEntry| match name.is_folder {
            true => format!("{}{MAIN_SEPARATOR}", name.text),
            false => name.text.clone(),
        };
        self.names.iter().filter(fits).take(MOST_SHOWN).map(written).collect()
    }
}

#[derive(Default)]
pub struct PathField {
    pub text: String,
    listing: Option<Listing>,
    asked: Option<PathBuf>,
    /// Enter takes a suggestion only after the arrow keys chose one; else it is for the path as it is typed.
    is_steered: bool,
}

impl PathField {
    pub fn new(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Shows the field; files with one of the endings are suggested.
    pub fn show(&mut self, ui: &mut Ui, id: Id, width: f32, endings: &[&str]) -> Response {
        let has_focus = ui.memory(|memory| memory.has_focus(id));
        if has_focus && ui.input(|i| i.key_pressed(Key::ArrowDown) || i.key_pressed(Key::ArrowUp)) {
            self.is_steered = true;
        }
        let keys: &[Key] = if self.is_steered { &[Key::Tab, Key::Enter] } else { &[Key::Tab] };
        let listing = self.listing.as_ref();
        let field = TextEdit::singleline(&mut self.text).desired_width(width).margin(egui::Margin::symmetric(8, 6));
        let popup =
            CompletionPopup::new(id).word_boundary(is_separator).align(RectAlign::BOTTOM_START).accept_keys(keys);
        let output = popup.show(ui, field, |query| suggestions(query.text, query.word, listing, endings));
        let response = output.text_edit.response.response;
        if response.changed() || output.accepted.is_some() {
            self.is_steered = false;
        }
        if output.accepted.is_some() {
            // What comes next in the folder is suggested at once.
            ui.ctx().request_repaint();
        }
        response
    }

    /// Returns the folder whose names are to be read next, once for each that is typed.
    pub fn wanted_folder(&mut self) -> Option<PathBuf> {
        let folder = folder_of(&self.text).filter(|folder| self.asked.as_ref() != Some(folder))?;
        self.asked = Some(folder.clone());
        Some(folder)
    }

    pub fn take_listing(&mut self, listing: Listing) {
        if self.asked.as_ref() == Some(&listing.folder) {
            self.listing = Some(listing);
        }
    }
}

fn suggestions(text: &str, begun: &str, listing: Option<&Listing>, endings: &[&str]) -> Vec<Suggestion> {
    if text == "~" {
        return vec![Suggestion::new(format!("~{MAIN_SEPARATOR}"))];
    }
    let listing = listing.filter(|listing| folder_of(text).as_ref() == Some(&listing.folder));
    let names = listing.map(|listing| listing.suggest(begun, endings)).unwrap_or_default();
    names.into_iter().map(Suggestion::new).collect()
}

fn folder_of(text: &str) -> Option<PathBuf> {
    let text = text.trim_start();
    match text.rfind(is_separator) {
        Some(at) => typed_path(&text[..=at]),
        None if text.is_empty() || text.starts_with('~') => None,
        None => Some(".".into()),
    }
}

/// Reads a path as people type or paste it: quotes, `~` and `file://` are understood.
pub fn typed_path(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Some(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned().into());
    }
    if let Some(rest) = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(is_separator))
        && let Some(dirs) = directories::UserDirs::new()
    {
        return Some(dirs.home_dir().join(rest.trim_start_matches(is_separator)));
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_understood_as_people_give_them() {
        assert_eq!(typed_path("  "), None);
        assert_eq!(typed_path("\"/a b/c.png\" "), Some("/a b/c.png".into()));
        assert_eq!(typed_path("file:///a%20b.png"), Some("/a b.png".into()));
        assert_eq!(typed_path("file:///%E7%8C%AB.png"), Some("/猫.png".into()));
        assert!(typed_path("~/x.png").unwrap().is_absolute());
        assert!(typed_path("~").unwrap().is_absolute());
        assert_eq!(typed_path("~other/x.png"), Some("~other/x.png".into()));
    }

    #[cfg(unix)]
    #[test]
    fn names_are_suggested_folders_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Sea.png", "sand.JPG", "notes.txt", ".secret.png", "猫の写真.png"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for name in ["summer", "Snow", ".hidden"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("Snow"), folder.path().join("shortcut")).unwrap();
        let listing = Listing::read(folder.path().to_owned());
        let pictures = |begun: &str| listing.suggest(begun, &["png", "jpg"]);
        assert_eq!(pictures(""), ["shortcut/", "Snow/", "summer/", "sand.JPG", "Sea.png", "猫の写真.png"]);
        assert_eq!(pictures("S"), ["shortcut/", "Snow/", "summer/", "sand.JPG", "Sea.png"]);
        assert_eq!(pictures("sea.png"), ["Sea.png"], "in the case that it has");
        assert_eq!(pictures("Sea.png"), [""; 0], "what is typed in full needs no suggestion");
        assert_eq!(pictures("."), [".hidden/", ".secret.png"]);
        assert_eq!(pictures("猫"), ["猫の写真.png"]);
        assert_eq!(listing.suggest("n", &[]), ["notes.txt"]);
        assert!(Listing::read("/no/such/folder".into()).suggest("", &[]).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_asked_for_once() {
        let mut field = PathField::new("/usr/li".into());
        assert_eq!(field.wanted_folder(), Some("/usr/".into()));
        field.text = "/usr/lib".into();
        assert_eq!(field.wanted_folder(), None);
        field.text = "/usr/lib/".into();
        assert_eq!(field.wanted_folder(), Some("/usr/lib/".into()));
        // The answer for a folder that was left is dropped.
        field.take_listing(Listing { folder: "/usr/".into(), names: Vec::new() });
        assert!(field.listing.is_none());
        for (typed, folder) in [("", None), ("~", None), ("pic", Some(".")), ("a/b", Some("a/")), ("/", Some("/"))] {
            assert_eq!(folder_of(typed), folder.map(PathBuf::from), "{typed}");
        }
        assert_eq!(folder_of("~/Pic"), typed_path("~"), "the home folder");
    }
}
