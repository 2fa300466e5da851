//! One list has everything that a person can do: buttons, shortcuts, tooltips, the palette and the help all read it.
//! The commands of a page stand in its folder.

pub mod tab;
pub mod window;

use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::lessons::commands::LessonCommand;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::list::for_each_page;
use crate::app::widgets::about::{About, Action};

/// Shortcuts work in one of these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    In(Tab),
    /// The keys of a presenter come before all others while a lesson is open.
    Lesson,
}

macro_rules! commands {
    ($($Page:ident: $folder:ident, $Commands:ident, $Type:ident;)*) => {
        /// Panes return commands and do not act themselves.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command {
            Window(WindowCommand),
            Lesson(LessonCommand),
            $($Page($crate::app::pages::$folder::commands::$Commands)),*
        }

        impl Command {
            /// Returns the commands of a place that have a name to find them by; nearly all have a shortcut.
            pub fn listed_in(place: Place) -> Vec<Self> {
                match place {
                    Place::Everywhere => {
                        let lessons = [LessonCommand::Toggle, LessonCommand::AskFile].map(Self::Lesson);
                        WindowCommand::listed().into_iter().map(Self::Window).chain(lessons).collect()
                    }
                    Place::Lesson => LessonCommand::listed().into_iter().map(Self::Lesson).collect(),
                    $(Place::In(Tab::$Page) => {
                        let listed = $crate::app::pages::$folder::commands::$Commands::listed();
                        listed.into_iter().map(Self::$Page).collect()
                    })*
                }
            }
        }

        impl Action for Command {
            fn about(&self) -> About {
                match self {
                    Self::Window(command) => command.about(),
                    Self::Lesson(command) => command.about(),
                    $(Self::$Page(command) => command.about()),*
                }
            }

            fn listed() -> Vec<Self> {
                let tabs = Tab::ALL.iter().map(|tab| Place::In(*tab));
                [Place::Everywhere, Place::Lesson].into_iter().chain(tabs).flat_map(Self::listed_in).collect()
            }
        }

        $(impl From<$crate::app::pages::$folder::commands::$Commands> for Command {
            fn from(command: $crate::app::pages::$folder::commands::$Commands) -> Self {
                Self::$Page(command)
            }
        })*
    };
}

for_each_page!(commands);

impl From<WindowCommand> for Command {
    fn from(command: WindowCommand) -> Self {
        Self::Window(command)
    }
}

impl From<LessonCommand> for Command {
    fn from(command: LessonCommand) -> Self {
        Self::Lesson(command)
    }
}

impl From<AttackCommand> for Command {
    fn from(command: AttackCommand) -> Self {
        Self::Explore(ExploreCommand::Attack(command))
    }
}

impl From<WhyCommand> for Command {
    fn from(command: WhyCommand) -> Self {
        Self::Explore(ExploreCommand::Why(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_are_spelled_as_on_the_keys() {
        for (command, keys) in [
            (ExploreCommand::EpsUp, "]"),
            (ExploreCommand::EpsDownFine, "Ctrl+["),
            (ExploreCommand::CopyPicture, "Ctrl+Shift+C"),
            (ExploreCommand::NextSample, "Page Down"),
        ] {
            assert_eq!(command.about().spelled_keys(), keys);
        }
    }

    #[test]
    fn no_two_commands_share_a_shortcut() {
        for (tab, least) in [(Tab::Explore, 20), (Tab::Train, 20), (Tab::Models, 9), (Tab::TestSets, 14)] {
            let mut seen = std::collections::HashMap::new();
            let here = [Place::Everywhere, Place::In(tab)].into_iter().flat_map(Command::listed_in);
            for command in here {
                let about = command.about();
                let Some(shortcut) = about.shortcut else { continue };
                if let Some(other) = seen.insert(format!("{shortcut:?}"), about.name) {
                    panic!("{} and {other} share {shortcut:?}", about.name);
                }
            }
            assert!(seen.len() >= least, "{tab:?}: {}", seen.len());
        }
    }
}
