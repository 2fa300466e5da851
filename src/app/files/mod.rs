//! Files that hold a view, a page or a lesson, and the questions about files.

pub mod animation;
pub mod dialogs;
pub mod page;
pub mod thumbnails;
pub mod view;
