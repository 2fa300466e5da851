//! These are the pages of the window. Each has a folder with its commands, its state, and what it draws.

pub mod explore;
pub mod list;
pub mod models;
pub mod test_sets;
pub mod train;

use egui::Context;

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::page::Page;
use crate::app::pages::list::for_each_page;
use crate::app::settings::Settings;
use crate::app::shell::Shell;

macro_rules! pages {
    ($($Page:ident: $folder:ident, $Commands:ident, $Type:ident;)*) => {
        /// The pages, each with what it keeps from frame to frame.
        pub struct Pages {
            $(pub $folder: $folder::page::$Type),*
        }

        impl Pages {
            /// Makes all pages as the settings say.
            pub fn new(settings: &Settings) -> Self {
                Self { $($folder: $folder::page::$Type::new(settings)),* }
            }

            /// Returns the page of a tab.
            pub fn of(&mut self, tab: Tab) -> &mut dyn Page {
                match tab { $(Tab::$Page => &mut self.$folder),* }
            }

            /// Returns all pages.
            pub fn all(&mut self) -> Vec<&mut dyn Page> {
                vec![$(&mut self.$folder),*]
            }

            /// Hands a command to its page; returns one that is of no page.
            pub fn carry_out(&mut self, command: Command, shell: &mut Shell, ctx: &Context) -> Option<Command> {
                match command {
                    $(Command::$Page(command) => self.$folder.carry_out(command, shell, ctx),)*
                    other => return Some(other),
                }
                None
            }
        }
    };
}

for_each_page!(pages);
